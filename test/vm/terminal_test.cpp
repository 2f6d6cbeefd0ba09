// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "event_watch.hpp"
#include "observer.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

/// The person at a terminal.
class typist {
public:
    explicit typist(guest& vm) : vm_(vm), in_(vm), out_(vm) {}

    stdio_uris uris() const { return stdio_uris(in_.uri, out_.uri, ""); }

    void type(std::string keys) { REQUIRE(vm_.run(send(in_.socket, std::move(keys)))); }

    /// Reads until the screen shows `text` behind what was read before, and returns what it showed up to there.
    std::string see(const std::string& text) {
        auto found = vm_.run(read_until(out_.socket, screen_, text));
        CAPTURE(screen_, text);
        REQUIRE(found);
        auto end = screen_.find(text) + text.size();
        auto shown = screen_.substr(0, end);
        screen_.erase(0, end);
        return shown;
    }

    std::string rest() { return screen_ + vm_.run(read_to_end(out_.socket)); }

private:
    static awaitable<bool> send(ttrpc::stream_socket& socket, std::string keys) {
        auto [failure, count] = co_await asio::async_write(socket, asio::buffer(keys), as_tuple_awaitable);
        co_return !failure;
    }

    static awaitable<bool> read_until(ttrpc::stream_socket& socket, std::string& screen, std::string text) {
        std::string block(4096, '\0');
        while (screen.find(text) == std::string::npos) {
            auto [failure, count] = co_await socket.async_read_some(asio::buffer(block), as_tuple_awaitable);
            screen.append(block, 0, count);
            if (failure) co_return screen.find(text) != std::string::npos;
        }
        co_return true;
    }

    guest& vm_;
    named_stream in_;
    named_stream out_;
    std::string screen_;
};

// Prompts are what a shell shows when it has done what it was told; the echo of the keys is no proof.
void converse(guest& vm, typist& person, const process_key& key) {
    person.see("# ");
    REQUIRE(vm.run(vm.calls().resize(key, 132, 43)));
    person.type("stty size; tty; test -t 0 && test -t 2 && echo both\\ ends\n");
    CHECK(person.see("43 132\r\n").find("stty size") != std::string::npos);
    person.see("/dev/");
    person.see("both ends\r\n");
    person.see("# ");
    // A resize while a program runs in the foreground reaches it as SIGWINCH.
    person.type("sh -c 'trap \"stty size; exit\" WINCH; echo re\"\"ady; while :; do sleep 0.1; done'\n");
    person.see("ready\r\n");
    REQUIRE(vm.run(vm.calls().resize(key, 80, 24)));
    person.see("24 80\r\n");
    person.see("# ");
    // ^C ends what runs, not the shell: by the time it speaks the program is the terminal's foreground.
    person.type("sh -c 'echo go\"\"ing; exec sleep 100000'\n");
    person.see("going\r\n");
    person.type("\x03");
    person.see("# ");
    // What it leaves in the background, with the terminal open, keeps nobody waiting.
    person.type("sleep 100000 &\n");
    person.see("# ");
    person.type("exit_with() { return 7; }; exit_with\n");
    person.see("# ");
    person.type("\x04");  // ^D
    person.rest();
}

}  // namespace

TEST_CASE("an interactive shell as init: sizes, control keys, ^D", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    typist person(vm);
    container_wish wish(std::vector<std::string>{"/bin/sh", "-i"});
    wish.id = guest::fresh_id();
    wish.has_terminal = true;
    REQUIRE(vm.create(wish, person.uris()));
    REQUIRE(vm.start(wish.id));
    CHECK(vm.state(wish.id)->terminal());
    converse(vm, person, process_key(wish.id, ""));
    CHECK(vm.wait(wish.id)->exit_status() == 7);
    CHECK(vm.remove(wish.id)->exit_status() == 7);
    CHECK(eye.remains() == before);
}

TEST_CASE("an interactive shell as exec: sizes, control keys, ^D", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto id = vm.run_sleeper();
    auto before = eye.remains();
    typist person(vm);
    exec_wish shell(std::vector<std::string>{"/bin/sh", "-i"});
    shell.has_terminal = true;
    REQUIRE(vm.exec(id, "shell", shell, person.uris()));
    REQUIRE(vm.start(id, "shell"));
    converse(vm, person, process_key(id, "shell"));
    CHECK(vm.wait(id, "shell")->exit_status() == 7);
    CHECK(vm.remove(id, "shell")->exit_status() == 7);
    CHECK(eye.remains() == before);
    vm.kill_and_remove(id);
}

TEST_CASE("a terminal that all have closed goes on when it is opened again, both ways", "[vm]") {
    guest vm(virtual_machine::shared_address());
    typist person(vm);
    container_wish wish(
        "echo before; exec 0<&- 1>&- 2>&-; sleep 1; echo between >/dev/tty; sleep 1; "
        "exec 0<>/dev/tty 1>&0 2>&0; head -c 100000 /dev/zero | tr '\\0' x; echo; echo back; read x; echo got $x; exit 7");
    wish.id = guest::fresh_id();
    wish.has_terminal = true;
    REQUIRE(vm.create(wish, person.uris()));
    REQUIRE(vm.start(wish.id));
    person.see("before\r\n");
    person.type("typed\n");
    person.see("between\r\n");
    CHECK(person.see("back\r\n").find(std::string(100000, 'x')) != std::string::npos);
    auto rest = person.rest();
    CHECK(rest.find("got typed\r\n") != std::string::npos);
    CHECK(vm.wait(wish.id)->exit_status() == 7);
    CHECK(vm.remove(wish.id));
}

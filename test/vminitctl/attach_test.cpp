// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>

#include "program.hpp"
#include "pseudo_terminal.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::fake_process;

namespace {

awaitable<void> attached(fake_process& process) {
    while (!process.in) co_await process.changed.wait();
}

/// The program beside a process that runs already.
struct attach_program : test::program {
    std::string typed;

    void run_until_end_of_input() {
        guest.process = [this](fake_process& process) -> awaitable<std::uint32_t> {
            co_await attached(process);
            typed = co_await process.read_all();
            co_return 5;
        };
        start();
    }
    void start() {
        REQUIRE(guest.add_process("web", "", "", "", ""));
        guest.start_process("web", "");
    }
};

}  // namespace

TEST_CASE("run -d -i leaves the input open and keeps the output", "[vminitctl]") {
    test::program terminal;
    CHECK(terminal.run({"run", "web", "-d", "-i", "--rootfs", "root", "--", "x"}) == 0);
    CHECK(terminal.guest.created.stdin() == "attach://");
    CHECK(terminal.guest.created.stdout() == "log://");
    CHECK(terminal.guest.created.stderr() == "log://");
}

TEST_CASE("attach -i forwards our stdin and tells its end", "[vminitctl]") {
    attach_program terminal;
    terminal.run_until_end_of_input();
    terminal.type("hello\n\x10\x11");
    terminal.input.write_end.reset();
    CHECK(terminal.run({"attach", "-i", "web"}) == 5);
    CHECK(terminal.typed == "hello\n\x10\x11");
    CHECK(terminal.guest.has_call("CloseIO web stdin"));
    const auto& calls = terminal.guest.calls;
    CHECK(std::find(calls.begin(), calls.end(), "Logs web") < std::find(calls.begin(), calls.end(), "AttachInput web"));
}

TEST_CASE("attach -i that is refused says so", "[vminitctl]") {
    attach_program terminal;
    terminal.run_until_end_of_input();
    terminal.guest.failures["AttachInput"] = error(errc::failed_precondition, "somebody else is attached");
    CHECK(terminal.run({"attach", "-i", "web"}) == exit_ours);
    CHECK(terminal.output.err_text() == "vminitctl: failed precondition: somebody else is attached\n");
}

TEST_CASE("the detach keys leave a terminal to itself, and ours as it was", "[vminitctl]") {
    attach_program terminal;
    test::pseudo_terminal screen;
    terminal.local.in = screen.slave.get();
    screen.resize(120, 40);
    terminal.guest.has_terminal = true;
    bool was_raw = false;
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        co_await attached(process);
        std::string text(4, '\0');
        co_await asio::async_read(*process.in, asio::buffer(text.data(), 1), use_awaitable);
        was_raw = screen.is_raw();
        terminal.typed = text.substr(0, 1);
        (void)syscalls::write_all(screen.master.get(), "ls\x10\x11never", "terminal");
        auto [failure, got] = co_await asio::async_read(*process.in, asio::buffer(text), as_tuple_awaitable);
        terminal.typed += text.substr(0, got);
        while (true) co_await process.changed.wait();
    };
    terminal.start();
    REQUIRE(syscalls::write_all(screen.master.get(), ".", "terminal"));
    CHECK(terminal.run({"attach", "-it", "web", "--json"}) == 0);
    terminal.io.pump([&] { return terminal.typed.size() == 3; });
    CHECK(was_raw);
    CHECK_FALSE(screen.is_raw());
    CHECK(terminal.typed == ".ls");
    CHECK(terminal.guest.has_call("ResizePty web 120x40"));
    CHECK_FALSE(terminal.guest.has_call("CloseIO web stdin"));
    CHECK(terminal.output.err_text().find("detached") != std::string::npos);
}

TEST_CASE("attach -t needs a terminal on the other side, and -i", "[vminitctl]") {
    attach_program terminal;
    terminal.run_until_end_of_input();
    CHECK(terminal.run({"attach", "-it", "web"}) == exit_ours);
    CHECK(terminal.output.err_text().find("it was started without a terminal") != std::string::npos);
    auto refusal = [](std::vector<std::string> words) {
        command_set commands;
        add_commands(commands);
        invocation invoked;
        return commands.parse(std::move(words), invoked)->text;
    };
    CHECK(refusal({"attach", "-t", "web"}).find("-t needs -i") != std::string::npos);
    CHECK(refusal({"attach", "-i", "--stream", "7"}).find("exclude") != std::string::npos);
    CHECK(refusal({"attach", "-it", "--detach-keys", "alt-p", "web"}).find("\"alt-p\" is no key") != std::string::npos);
}

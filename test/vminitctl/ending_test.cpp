// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "inherited_descriptor.hpp"
#include "program.hpp"
#include "pseudo_terminal.hpp"

// How the client ends when it has to before its time, or late: nobody reads, nobody answers, somebody presses ^C.

using namespace vminit;
using namespace vminit::vminitctl;
using test::fake_process;

namespace {

using calls = std::vector<std::string>;

/// Returns when the program has seen the signal, too: all who wait for one are told of it in one turn of the loop.
awaitable<void> deliver(executor ex, int signal) {
    asio::signal_set watch(ex, signal);
    ::raise(signal);
    co_await watch.async_wait(use_awaitable);
    for (int turn = 0; turn < 3; ++turn) co_await asio::post(use_awaitable);
}

/// The signal comes once the program follows the process: before that it is not the process's.
awaitable<void> deliver_to_follower(test::program& terminal, int signal) {
    auto is_wait = [](const std::string& call) { return call.starts_with("Wait "); };
    const auto& all = terminal.guest.calls;
    while (std::none_of(all.begin(), all.end(), is_wait)) co_await asio::post(use_awaitable);
    co_await deliver(terminal.guest.ex(), signal);
}

std::function<awaitable<void>()> signal_before(test::program& terminal, int signal) {
    return [&terminal, signal] { return deliver(terminal.guest.ex(), signal); };
}

awaitable<std::uint32_t> run_until_killed(fake_process& process) {
    for (;;) {
        if (co_await process.next_signal() == SIGKILL) co_return 137;
    }
}

std::size_t place_of(const calls& all, const std::string& call) {
    return static_cast<std::size_t>(std::find(all.begin(), all.end(), call) - all.begin());
}

}  // namespace

TEST_CASE("interrupted while the container is made, it is deleted as soon as it is there", "[vminitctl]") {
    test::program terminal;
    terminal.guest.before["Create"] = signal_before(terminal, SIGINT);
    bool is_detached = GENERATE(false, true);
    CHECK(terminal.run({"run", "web", is_detached ? "-d" : "-i", "--rootfs", "root", "--", "sh"}) == 128 + SIGINT);
    CHECK(terminal.guest.calls == calls{"Bundle web", "Create web", "Delete web"});
    CHECK(terminal.output.err_text() == "");
}

TEST_CASE("interrupted while it starts, a container is killed and deleted", "[vminitctl]") {
    test::program terminal;
    terminal.guest.process = run_until_killed;
    terminal.guest.before["Start"] = signal_before(terminal, SIGTERM);
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "sh"}) == 128 + SIGTERM);
    CHECK(terminal.guest.calls ==
          calls{"Bundle web", "Create web", "Start web", "Kill web 9 all", "Wait web", "Delete web"});
    CHECK(terminal.output.err_text() == "");
}

TEST_CASE("a guest that hangs in Create does not hold who presses ^C", "[vminitctl]") {
    test::program terminal;
    terminal.guest.unanswered = {"Create"};
    terminal.guest.before["Create"] = signal_before(terminal, SIGINT);
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "sh"}) == 128 + SIGINT);
    CHECK(terminal.output.err_text() ==
          "vminitctl: warning: container web may be left in the guest; to end it: vminitctl delete -f web\n");
}

TEST_CASE("a second ^C does not wait for the clean-up", "[vminitctl]") {
    test::program terminal;
    terminal.guest.unanswered = {"Delete"};
    terminal.guest.before["Create"] = signal_before(terminal, SIGINT);
    terminal.guest.before["Delete"] = signal_before(terminal, SIGINT);
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "sh"}) == 128 + SIGINT);
    CHECK(terminal.output.err_text() ==
          "vminitctl: warning: container web is left in the guest; to end it: vminitctl delete -f web\n");
}

TEST_CASE("a guest that takes no signal is left, and it is said", "[vminitctl]") {
    test::program terminal;
    test::pseudo_terminal screen;
    terminal.local.in = screen.slave.get();
    terminal.guest.unanswered = {"Kill"};
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        co_await deliver_to_follower(terminal, SIGTERM);
        co_return co_await process.next_signal();
    };
    CHECK(terminal.run({"run", "web", "-t", "--rootfs", "root", "--", "sh"}) == 128 + SIGTERM);
    CHECK(terminal.output.err_text().find("container web is left in the guest; to end it: vminitctl delete -f web\n") !=
          std::string::npos);
    CHECK_FALSE(screen.is_raw());
    CHECK_FALSE(terminal.guest.has_call("Delete web"));
}

TEST_CASE("a create that takes too long is told as such", "[vminitctl]") {
    test::program terminal;
    terminal.guest.unanswered = {"Create"};
    CHECK(terminal.run({"run", "web", "--timeout", "0.2", "--rootfs", "root", "--", "sh"}) == exit_ours);
    auto text = terminal.output.err_text();
    CHECK(text.find("container web may be left") != std::string::npos);
    CHECK(text.find("deadline exceeded") != std::string::npos);
}

TEST_CASE("a slow reader gets every byte before the container is deleted", "[vminitctl]") {
    test::program terminal;
    constexpr std::size_t size = 600000;
    std::string shown;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print(std::string(size, 'x'));
        co_return 0;
    };
    // The reader begins when there is nothing left but to wait for it.
    auto read = [&]() -> awaitable<void> {
        while (!terminal.guest.has_call("Wait web")) co_await asio::post(use_awaitable);
        while (shown.size() < size) {
            CHECK_FALSE(terminal.guest.has_call("Delete web"));
            shown += terminal.output.out_text();
            co_await asio::post(use_awaitable);
        }
    };
    task_group readers(terminal.io.ex(), terminal.io.log());
    readers.spawn("reader", read());
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "seq"}) == 0);
    shown += terminal.output.out_text();
    CHECK(shown == std::string(size, 'x'));
    terminal.io.run(readers.join());
}

TEST_CASE("^C ends the wait for a reader that does not read", "[vminitctl]") {
    test::program terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print(std::string(300000, 'x'));
        co_return 0;
    };
    auto press = [&]() -> awaitable<void> {
        while (!terminal.guest.has_call("Wait web")) co_await asio::post(use_awaitable);
        auto& process = terminal.guest.process_of("web", "");
        while (!process.exit_status) co_await process.changed.wait();
        // The answer of Wait has to come first: while the process runs the signal is its own.
        for (int turn = 0; turn < 100; ++turn) co_await asio::post(use_awaitable);
        co_await deliver(terminal.guest.ex(), SIGINT);
    };
    task_group fingers(terminal.io.ex(), terminal.io.log());
    fingers.spawn("^C", press());
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "seq"}) == 128 + SIGINT);
    CHECK(terminal.guest.has_call("Delete web"));
    terminal.io.run(fingers.join());
}

TEST_CASE("a terminal that nobody looks at does not hold us", "[vminitctl]") {
    test::program terminal;
    test::pseudo_terminal screen;
    terminal.local.out = screen.slave.get();
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        task_group writers(terminal.guest.ex(), terminal.io.log());
        writers.spawn("printer", process.print(std::string(1 << 20, 'x')));
        co_await deliver_to_follower(terminal, SIGTERM);
        auto status = co_await process.next_signal();
        co_await deliver(terminal.guest.ex(), SIGINT);
        co_await process.next_signal();
        co_await deliver(terminal.guest.ex(), SIGINT);
        co_await process.next_signal();
        co_await deliver(terminal.guest.ex(), SIGINT);
        writers.stop();
        co_await writers.join();
        co_return status;
    };
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "yes"}) == 128 + SIGINT);
}

TEST_CASE("when nobody reads us what we run is killed and deleted, quietly", "[vminitctl]") {
    test::program terminal;
    bool is_busy = GENERATE(false, true);
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print("first line\n");
        while (terminal.output.out_text().empty()) co_await asio::post(use_awaitable);
        terminal.output.close_reader();
        if (is_busy) co_await process.print("more\n");
        co_return co_await run_until_killed(process);
    };
    SECTION("a container") {
        CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "yes"}) == exit_unread);
        CHECK(terminal.guest.calls ==
              calls{"Bundle web", "Create web", "Start web", "Wait web", "Kill web 9 all", "Delete web"});
    }
    SECTION("an exec") {
        CHECK(terminal.run({"exec", "web", "--exec-id", "e", "--", "yes"}) == exit_unread);
        CHECK(terminal.guest.calls == calls{"Exec web/e", "Start web/e", "Wait web/e", "Kill web/e 9", "Delete web/e"});
    }
    CHECK(terminal.output.err_text() == "");
}

TEST_CASE("a stdout that takes no more, though somebody reads, is an error", "[vminitctl]") {
    test::program terminal;
    unique_fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    terminal.local.out = full.get();
    CHECK(terminal.run({"info"}) == exit_failure);
    CHECK(terminal.output.err_text().find("No space left on device") != std::string::npos);
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print("text");
        co_return co_await run_until_killed(process);
    };
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "x"}) == exit_ours);
    CHECK(terminal.output.err_text().find("No space left on device") != std::string::npos);
    CHECK(terminal.guest.has_call("Delete web"));
}

TEST_CASE("what prints until it is ended ends with its reader", "[vminitctl]") {
    test::program terminal;
    terminal.guest.unanswered = {"Stream", "Stats"};
    terminal.output.close_reader();
    CHECK(terminal.run({"events"}) == exit_unread);
    CHECK(terminal.run({"top", "web"}) == exit_unread);
    CHECK(terminal.run({"info"}) == exit_unread);
    CHECK(terminal.run({"kill", "web", "KILL"}) != 0);
    CHECK(terminal.output.err_text().find("stdout") == std::string::npos);
}

TEST_CASE("a hang-up ends what runs, at last by SIGKILL", "[vminitctl]") {
    test::program terminal;
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        co_await deliver_to_follower(terminal, SIGHUP);
        co_return co_await run_until_killed(process);
    };
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "sleep"}) == 128 + SIGHUP);
    const auto& all = terminal.guest.calls;
    CHECK(place_of(all, "Kill web 1") < place_of(all, "Kill web 9 all"));
    CHECK(place_of(all, "Kill web 9 all") < place_of(all, "Delete web"));
    CHECK(terminal.guest.has_call("Delete web"));
}

TEST_CASE("a guest that is lost ends us with a message, the terminal as it was", "[vminitctl]") {
    test::program terminal;
    test::pseudo_terminal screen;
    terminal.local.in = screen.slave.get();
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        terminal.guest.power_off();
        co_return co_await process.next_signal();
    };
    CHECK(terminal.run({"run", "web", "-t", "--rootfs", "root", "--", "sh"}) == exit_ours);
    auto text = terminal.output.err_text();
    CHECK(text.find("the guest is lost; container web goes on if it does\n") != std::string::npos);
    CHECK(text.find("vminitctl: unavailable: ") != std::string::npos);
    CHECK_FALSE(screen.is_raw());
}

TEST_CASE("a failed delete does not change the container's status", "[vminitctl]") {
    test::program terminal;
    terminal.guest.failures["Delete"] = error(errc::unknown, "busy");
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "x"}) == 0);
    CHECK(terminal.output.err_text().find("container web is left in the guest") != std::string::npos);
}

TEST_CASE("closed standard descriptors are occupied", "[vminitctl]") {
    auto child = ::fork();
    if (child == 0) {
        ::close(0);
        ::close(2);
        occupy_standard_descriptors();
        char byte = 0;
        bool is_empty = ::read(0, &byte, 1) == 0;
        bool is_open = ::write(2, "x", 1) == 1;
        ::_exit(is_empty && is_open ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

// SPDX-License-Identifier: Apache-2.0
#include "runc/command.hpp"

#include <signal.h>

#include <catch2/catch.hpp>

#include "runc/runtime_files.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/reaper_service.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace std::chrono_literals;
using test::io_fixture;

namespace {

class command_fixture : public io_fixture {
public:
    command_fixture() : reaper(asio::use_service<reaper::reaper_service>(ctx)) {}

    static command shell(const std::string& script) {
        std::vector<std::string> argv = {"/bin/sh", "-c", script};
        return command(std::move(argv), 60s);
    }

    command_outcome outcome_of(command what) { return run(run_command(ctx, std::move(what))); }

    // Starts a command whose outcome appears in `finished` and which `tasks.stop()` cancels.
    void start(command what) {
        tasks.spawn("command", store(ctx, std::move(what), finished));
        pump([&] { return reaper.counters().launched > 0; });
    }

    static awaitable<void> store(asio::io_context& context, command what, std::optional<command_outcome>& out) {
        auto outcome = co_await run_command(context, std::move(what));
        out.emplace(std::move(outcome));
    }

    // Blocks until every process that holds the write end is gone.
    static void await_end_of_file(const unique_fd& read_end) {
        char byte;
        while (syscalls::raw("read", [&] { return ::read(read_end.get(), &byte, 1); }).value() > 0) {
        }
    }

    reaper::reaper_service& reaper;
    task_group tasks{ex(), log()};
    std::optional<command_outcome> finished;
};

}  // namespace

TEST_CASE_METHOD(command_fixture, "a command's output and exit status are its outcome", "[runc]") {
    auto outcome = outcome_of(shell("echo out; echo err >&2; exit 3"));
    CHECK(outcome.end == command_end::exited);
    CHECK(outcome.status == 3);
    CHECK(outcome.output == "out\nerr\n");
    CHECK_FALSE(outcome.is_success());
    CHECK(outcome_of(shell("exit 0")).is_success());
    CHECK(outcome_of(shell("kill -SEGV $$")).status == 139);
}

TEST_CASE_METHOD(command_fixture, "stdout and stderr can be told apart", "[runc]") {
    auto what = shell("echo out; echo err >&2");
    what.output = output_mode::separate;
    auto outcome = outcome_of(std::move(what));
    CHECK(outcome.output == "out\n");
    CHECK(outcome.error_output == "err\n");
}

TEST_CASE_METHOD(command_fixture, "an attached command has the descriptors it is given and /dev/null", "[runc]") {
    auto pipe = syscalls::pipe().value();
    auto what = shell("readlink /proc/$$/fd/0 /proc/$$/fd/2");
    what.output = output_mode::attached;
    what.stdio = stdio_fds(-1, pipe.write_end.get(), -1);
    CHECK(outcome_of(std::move(what)).is_success());
    char buffer[64];
    auto count = ::read(pipe.read_end.get(), buffer, sizeof buffer);
    CHECK(std::string(buffer, static_cast<std::size_t>(count)) == "/dev/null\n/dev/null\n");
}

TEST_CASE_METHOD(command_fixture, "a command reads its input from the start, by descriptor and by name", "[runc]") {
    auto what = shell("cat; cat /dev/stdin");
    what.input = memory_file(std::string(100000, 'x')).value();
    what.output = output_mode::separate;
    CHECK(outcome_of(std::move(what)).output == std::string(200000, 'x'));
}

TEST_CASE_METHOD(command_fixture, "a command leads a process group and has only the environment it is given",
                 "[runc]") {
    auto what = shell("read -r line < /proc/$$/stat; set -- ${line##*) }; echo $(($3 == $$)); env");
    what.env = std::vector<std::string>{"ONLY=this"};
    auto output = outcome_of(std::move(what)).output;
    CHECK(output.starts_with("1\n"));
    CHECK(output.find("ONLY=this\n") != std::string::npos);
    CHECK(output.find("HOME=") == std::string::npos);
}

TEST_CASE_METHOD(command_fixture, "a command that cannot be started says why", "[runc]") {
    command what({"/nonexistent"}, 60s);
    auto outcome = outcome_of(std::move(what));
    CHECK(outcome.end == command_end::not_started);
    CHECK(outcome.failure.context() == "fork/exec /nonexistent");
}

TEST_CASE_METHOD(command_fixture, "output beyond the limits is dropped and does not block", "[runc]") {
    auto tail = outcome_of(shell("head -c 3000000 /dev/zero | tr '\\0' a; echo last"));
    CHECK(tail.output.size() == max_error_output);
    CHECK(tail.output.ends_with("alast\n"));
    auto what = shell("echo first; head -c 3000000 /dev/zero | tr '\\0' a");
    what.output = output_mode::separate;
    auto head = outcome_of(std::move(what));
    CHECK(head.output.size() == max_output);
    CHECK(head.output.starts_with("first\na"));
    CHECK(head.is_output_cut);
}

TEST_CASE_METHOD(command_fixture, "a process left behind with the output does not hold the outcome up", "[runc]") {
    test::temporary_directory directory;
    auto pid_file = directory.path("pid");
    auto outcome = outcome_of(shell("setsid sleep 1000 & echo $! > " + pid_file + "; echo done"));
    CHECK(outcome.output == "done\n");
    auto pid = std::stoi(read_file(pid_file).value());
    CHECK(::kill(pid, SIGKILL) == 0);
}

TEST_CASE("a command that takes too long is killed with its helpers", "[runc]") {
    manual_time time;
    command_fixture fixture;
    auto pipe = syscalls::pipe().value();
    auto what = fixture.shell("trap '' TERM; sleep 1000 & wait");
    what.output = output_mode::attached;
    what.stdio = stdio_fds(-1, pipe.write_end.get(), -1);
    what.limit = 10s;
    fixture.start(std::move(what));
    pipe.write_end.reset();
    time.advance(9s);
    fixture.poll();
    CHECK_FALSE(fixture.finished);
    time.advance(1s);
    fixture.pump([&] { return fixture.finished.has_value(); });
    CHECK(fixture.finished->end == command_end::timed_out);
    CHECK(fixture.reaper.counters().known == 0);  // collected before it was reported
    fixture.await_end_of_file(pipe.read_end);
}

TEST_CASE_METHOD(command_fixture, "a cancelled command is killed with its helpers, then the caller's wait throws",
                 "[runc]") {
    auto pipe = syscalls::pipe().value();
    auto what = shell("trap '' TERM; sleep 1000 & wait");
    what.output = output_mode::attached;
    what.stdio = stdio_fds(-1, pipe.write_end.get(), -1);
    start(std::move(what));
    pipe.write_end.reset();
    tasks.stop();
    pump([&] { return finished.has_value(); });
    CHECK(finished->end == command_end::cancelled);
    CHECK(reaper.counters().known == 0);
    await_end_of_file(pipe.read_end);
    run(tasks.join());
}

TEST_CASE_METHOD(command_fixture, "a cancelled caller still finds itself cancelled afterwards", "[runc]") {
    std::vector<std::string> seen;
    auto caller = [](asio::io_context& context, std::vector<std::string>& out) -> awaitable<void> {
        auto what = command_fixture::shell("exec sleep 1000");
        auto outcome = co_await run_command(context, std::move(what));
        out.push_back(outcome.end == command_end::cancelled ? "cancelled" : "?");
        try {
            co_await sleep_for(0s);
        } catch (const boost::system::system_error&) {
            out.push_back("thrown");
        }
    };
    tasks.spawn("caller", caller(ctx, seen));
    pump([&] { return reaper.counters().launched > 0; });
    tasks.stop();
    run(tasks.join());
    CHECK(seen == std::vector<std::string>{"cancelled", "thrown"});
}

// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "support/no_memory.hpp"
#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

struct pids {
    pid_t init, exec;
};

/// A container and its exec, which both run.
pids run_with_exec(process_fixture& fixture, const stdio_uris& stdio = {}) {
    auto init = fixture.create("web", {"sleep", "1000"}).value();
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}, stdio));
    auto exec = fixture.start("web", "e").value();
    fixture.poll();
    return {static_cast<pid_t>(init), static_cast<pid_t>(exec)};
}

/// Kills a process and returns when it has been collected, before anything else is done about it.
void kill_and_collect(process_fixture& fixture, pid_t pid) {
    auto reaped = fixture.reaper.counters().reaped;
    REQUIRE(::kill(pid, SIGKILL) == 0);
    fixture.pump([&] { return fixture.reaper.counters().reaped > reaped; });
}

using wait_outcome = std::optional<result<process_exit>>;

awaitable<void> note_wait(process_fixture& fixture, std::string exec_id, wait_outcome& into) {
    auto exit = co_await fixture.processes.wait("web", std::move(exec_id));
    into.emplace(std::move(exit));
}

bool has_heard(const process_fixture& fixture, const std::string& line) {
    return std::find(fixture.heard.begin(), fixture.heard.end(), line) != fixture.heard.end();
}

}  // namespace

TEST_CASE("an exit is told although its output cannot be waited for", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    auto [init, exec] = run_with_exec(fixture, {"", "stream://1", "", false});
    auto told = fixture.heard.size();
    kill_and_collect(fixture, exec);
    {
        no_memory once(1);
        fixture.pump([&] { return fixture.heard.size() == told + 1; });
    }
    CHECK(fixture.heard.back() == "/tasks/exit e 137");
    CHECK(fixture.has_line("output may be lost id=web error=\"no memory"));
    kill_and_collect(fixture, init);
    fixture.await_event("/tasks/exit web 137");
}

TEST_CASE("exits are told although the rest cannot be killed", "[process]") {
    process_fixture fixture;
    auto [init, exec] = run_with_exec(fixture);
    kill_and_collect(fixture, init);
    no_memory once(1);
    fixture.pump([&] { return fixture.has_line("processes may be left id=web error=\"no memory"); });
    kill_and_collect(fixture, exec);
    fixture.await_event("/tasks/exit web 137");
    CHECK(has_heard(fixture, "/tasks/exit e 137"));
}

TEST_CASE("an exit that cannot be published nor logged reaches those who wait, and is counted", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    auto [init, exec] = run_with_exec(fixture, {"", "stream://1", "", false});
    wait_outcome waited;
    fixture.tasks->spawn("wait", note_wait(fixture, "e", waited));
    kill_and_collect(fixture, exec);
    {
        no_memory for_anything;
        fixture.pump([&] { return waited.has_value(); });
    }
    CHECK(waited->value().status == 137);
    CHECK(fixture.status("web", "e") == process_status::stopped);
    REQUIRE(fixture.remove("web", "e"));
    kill_and_collect(fixture, init);
    fixture.await_event("/tasks/exit web 137");
    CHECK_FALSE(has_heard(fixture, "/tasks/exit e 137"));
    REQUIRE(fixture.remove("web"));
}

TEST_CASE("the log tells of an exit whose event is lost", "[process]") {
    process_fixture fixture;
    auto [init, exec] = run_with_exec(fixture);
    wait_outcome waited;
    fixture.tasks->spawn("wait", note_wait(fixture, "e", waited));
    kill_and_collect(fixture, exec);
    {
        no_memory once(1);
        fixture.pump([&] { return waited.has_value(); });
    }
    CHECK(waited->value().status == 137);
    CHECK(fixture.has_line("exit could not be published id=web exec_id=e"));
    kill_and_collect(fixture, init);
    fixture.await_event("/tasks/exit web 137");
    CHECK_FALSE(has_heard(fixture, "/tasks/exit e 137"));
}

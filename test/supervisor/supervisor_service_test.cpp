// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/supervisor_service.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "supervised_fixture.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::supervisor;
using namespace std::chrono_literals;
using test::supervised_fixture;
using state = supervised_state;

namespace {

const std::string wait_for_signal = "exec sleep 1000";

// Says when SIGTERM can no longer end it.
const std::string ignore_term = "trap '' TERM; echo deaf; exec sleep 1000";

int fail_signals(std::string_view name) { return name == "pidfd_send_signal" || name == "kill" ? EPERM : 0; }

}  // namespace

TEST_CASE_METHOD(supervised_fixture, "a service that always crashes runs through the whole table and is given up",
                 "[supervisor]") {
    add(service("agent", "exit 3"));
    std::vector<clock::duration> table{1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s, 30s, 30s};
    std::uint64_t starts = 0;
    for (auto delay : table) {
        await(state::backing_off);
        ++starts;
        CHECK(status().starts == starts);
        CHECK(status().restart_due_in == delay);
        CHECK(status().restarts_in_window == starts);
        advance(delay - 1ns);
        CHECK(status().starts == starts);
        CHECK(status().restart_due_in == 1ns);
        advance(1ns);
    }
    await(state::gave_up);
    CHECK(status().starts == 11);
    CHECK(status().last_exit->value == 3);
    CHECK_FALSE(status().restart_due_in);
    CHECK(status().pid == 0);
    CHECK(has_line("error service given up service=agent restarts=10"));
    CHECK(events.back() == "agent gave up after 10");
    advance(24h);
    CHECK(status().starts == 11);
}

TEST_CASE_METHOD(supervised_fixture, "five minutes of stable running reset the delays", "[supervisor]") {
    add(service("agent", wait_for_signal));
    auto crash_after = [this](clock::duration run) {
        time.advance(run);
        REQUIRE(::kill(status().pid, SIGKILL) == 0);
        await(state::backing_off);
        auto delay = status().restart_due_in.value();
        time.advance(delay);
        await(state::running);
        return delay;
    };
    await(state::running);
    CHECK(crash_after(0s) == 1s);
    CHECK(crash_after(0s) == 2s);
    CHECK(crash_after(5min - 1ns) == 4s);
    CHECK(crash_after(5min) == 1s);
    CHECK(crash_after(0s) == 2s);
    CHECK(status().last_exit->value == 128 + SIGKILL);
    stop();
}

TEST_CASE_METHOD(supervised_fixture, "events tell each start, exit and restart in order", "[supervisor]") {
    add(service("agent", "exit 7"));
    await(state::backing_off);
    std::vector<std::string> first{"agent started", "agent exited 7", "agent restart 1 in 1000 ms"};
    CHECK(events == first);
    CHECK(has_line("info  service started service=agent pid="));
    CHECK(has_line("info  service exited service=agent pid="));
    CHECK(has_line("info  service restarting service=agent delay_ms=1000 restarts=1"));
    events.clear();
    advance(1s);
    await(state::backing_off);
    std::vector<std::string> second{"agent started", "agent exited 7", "agent restart 2 in 2000 ms"};
    CHECK(events == second);
}

TEST_CASE_METHOD(supervised_fixture, "starts that fail count like crashes", "[supervisor][vfork]") {
    auto spec = service("agent", "");
    write("/bin/agent", "#!/no/such/interpreter\n");
    add(spec);
    auto reason = "fork/exec " + root.path("bin/agent") + ": No such file or directory";
    await(state::backing_off);
    std::vector<std::string> first{"agent start failed: " + reason, "agent restart 1 in 1000 ms"};
    CHECK(events == first);
    CHECK(status().last_failure == reason);
    while (status().state == state::backing_off) advance(status().restart_due_in.value());
    CHECK(status().state == state::gave_up);
    CHECK(status().starts == 0);
    CHECK(std::count(events.begin(), events.end(), "agent start failed: " + reason) == 11);
    CHECK(events.back() == "agent gave up after 10");
    CHECK_FALSE(exists("/agent.pid"));
}

TEST_CASE_METHOD(supervised_fixture, "a binary that disappears is a start that fails, and may come back",
                 "[supervisor][vfork]") {
    add(service("agent", "exit 1"));
    await(state::backing_off);
    REQUIRE(::unlink(root.path("bin/agent").c_str()) == 0);
    advance(1s);
    CHECK(status().state == state::backing_off);
    CHECK(status().restart_due_in == 2s);
    CHECK(status().last_failure == "fork/exec " + root.path("bin/agent") + ": No such file or directory");
    CHECK(status().last_exit->value == 1);
    script("/bin/agent", wait_for_signal);
    advance(2s);
    await(state::running);
    CHECK(status().last_failure.empty());
    stop();
}

TEST_CASE_METHOD(supervised_fixture, "the mode decides whether an end is followed by a start", "[supervisor]") {
    auto [mode, code, after] = GENERATE(std::make_tuple(restart_mode::always, 0, state::backing_off),
                                        std::make_tuple(restart_mode::on_failure, 0, state::stopped),
                                        std::make_tuple(restart_mode::on_failure, 1, state::backing_off),
                                        std::make_tuple(restart_mode::never, 1, state::stopped));
    auto spec = service("agent", "exit " + std::to_string(code));
    spec.restart = mode;
    add(spec);
    pump([&] { return status().last_exit.has_value(); });
    CHECK(status().state == after);
    CHECK(status().last_exit->value == code);
}

TEST_CASE_METHOD(supervised_fixture, "stop ends a service with SIGTERM and it is not restarted", "[supervisor][vfork]") {
    add(service("agent", wait_for_signal));
    await(state::running);
    auto pid = status().pid;
    CHECK(::getsid(pid) == pid);
    stop();
    CHECK(status().state == state::stopped);
    CHECK(status().last_exit->value == 128 + SIGTERM);
    CHECK(status().pid == 0);
    std::vector<std::string> all{"agent started", "agent exited 143"};
    CHECK(events == all);
    CHECK(has_line("info  service stopping service=agent"));
    advance(1h);
    CHECK(status().starts == 1);
}

TEST_CASE_METHOD(supervised_fixture, "what does not heed SIGTERM is killed when its limit has passed", "[supervisor]") {
    auto spec = service("agent", ignore_term);
    spec.stop_limit = 700ms;
    add(spec);
    await_file("/agent.log", "deaf\n");
    task_group tasks(ex(), log());
    tasks.spawn("stop", services.stop());
    poll();
    advance(699ms);
    CHECK(status().state == state::running);
    CHECK_FALSE(has_line("service killed"));
    advance(1ms);
    CHECK(has_line("warn  service killed service=agent"));
    pump([&] { return tasks.size() == 0; });
    CHECK(status().last_exit->value == 128 + SIGKILL);
    CHECK(status().state == state::stopped);
}

TEST_CASE_METHOD(supervised_fixture, "stop has a limit, even for a process that no signal ends", "[supervisor]") {
    add(service("agent", wait_for_signal));
    auto slow = service("slow", wait_for_signal);
    slow.stop_limit = 3s;
    add(slow);
    await(state::running);
    await(state::running, "slow");
    syscalls::set_fault_hook(fail_signals);
    task_group tasks(ex(), log());
    tasks.spawn("stop", services.stop());
    poll();
    advance(3s);
    advance(supervisor_service::stop_grace - 1ns);
    CHECK(tasks.size() == 1);
    advance(1ns);
    syscalls::set_fault_hook(nullptr);
    CHECK(tasks.size() == 0);
    CHECK(status().state == state::running);
    CHECK(has_line("error services would not stop"));
}

TEST_CASE_METHOD(supervised_fixture, "stop also ends waiting, absent, backing off and given up services",
                 "[supervisor]") {
    add(service("crash", "exit 1"));
    auto hopeless = service("hopeless", "exit 1");
    hopeless.limits.max_restarts = 0;
    add(hopeless);
    auto waiting = service("waiting", wait_for_signal);
    waiting.trigger = start_trigger::rootfs;
    add(waiting);
    auto absent = service("absent", wait_for_signal);
    absent.binaries = {"/nowhere"};
    add(absent);
    await(state::backing_off, "crash");
    await(state::gave_up, "hopeless");
    CHECK(status("waiting").state == state::waiting);
    CHECK(status("absent").state == state::absent);
    stop();
    auto all = services.list();
    REQUIRE(all.size() == 4);
    for (const auto& each : all) CHECK(each.state == state::stopped);
    services.rootfs_ready("/rootfs");
    advance(1h);
    CHECK(status("waiting").starts == 0);
    CHECK(status("crash").starts == 1);
}

TEST_CASE_METHOD(supervised_fixture, "after stop nothing is added or restarted", "[supervisor]") {
    add(service("agent", "exit 0"));
    stop();
    CHECK(services.add(service("late", "")).error().message() == "service \"late\": unavailable");
    CHECK(services.restart("agent").error().message() == "service \"agent\": unavailable");
    stop();
}

TEST_CASE_METHOD(supervised_fixture, "a restart by hand stops the process and starts it with a new policy",
                 "[supervisor]") {
    add(service("agent", wait_for_signal));
    await(state::running);
    REQUIRE(::kill(status().pid, SIGKILL) == 0);
    await(state::backing_off);
    advance(1s);
    await(state::running);
    CHECK(status().restarts_in_window == 1);
    auto pid = status().pid;
    events.clear();
    REQUIRE(services.restart("agent"));
    await_starts(3);
    CHECK(status().state == state::running);
    CHECK(status().pid != pid);
    CHECK(status().restarts_in_window == 0);
    std::vector<std::string> expected{"agent exited 143", "agent started"};
    CHECK(events == expected);
    stop();
}

TEST_CASE_METHOD(supervised_fixture, "a restart by hand needs no back-off and revives what was given up",
                 "[supervisor]") {
    auto spec = service("agent", "exit 1");
    spec.limits.max_restarts = 1;
    add(spec);
    await(state::backing_off);
    REQUIRE(services.restart("agent"));
    await_starts(2);
    await(state::backing_off);
    CHECK(status().restart_due_in == 1s);
    advance(1s);
    await(state::gave_up);
    script("/bin/agent", wait_for_signal);
    REQUIRE(services.restart("agent"));
    await(state::running);
    stop();
}

TEST_CASE_METHOD(supervised_fixture, "a restart by hand kills what does not heed SIGTERM", "[supervisor]") {
    add(service("agent", ignore_term));
    await_file("/agent.log", "deaf\n");
    REQUIRE(services.restart("agent"));
    poll();
    CHECK(status().starts == 1);
    advance(1s);
    await_starts(2);
    CHECK(status().last_exit->value == 128 + SIGKILL);
    await_file("/agent.log", "deaf\ndeaf\n");
    REQUIRE(::kill(status().pid, SIGKILL) == 0);
    await(state::backing_off);
}

TEST_CASE_METHOD(supervised_fixture, "a restart by hand of an absent service looks for its binary again",
                 "[supervisor]") {
    auto spec = service("agent", wait_for_signal);
    spec.binaries = {"/opt/agent"};
    add(spec);
    await(state::absent);
    REQUIRE(services.restart("agent"));
    poll();
    CHECK(status().state == state::absent);
    script("/opt/agent", wait_for_signal);
    REQUIRE(services.restart("agent"));
    await(state::running);
    CHECK(status().binary == "/opt/agent");
    stop();
}

TEST_CASE_METHOD(supervised_fixture, "requests that cannot be met are refused with the reason", "[supervisor]") {
    auto spec = service("agent", wait_for_signal);
    spec.trigger = start_trigger::rootfs;
    add(spec);
    CHECK(services.add(spec).error().message() == "service \"agent\": already exists");
    CHECK(services.restart("agent").error().message() ==
          "service \"agent\" waits for its trigger: failed precondition");
    CHECK(services.restart("other").error().message() == "service \"other\": not found");
    CHECK(services.status("other").error().message() == "service \"other\": not found");
    spec.name = "";
    CHECK(services.add(spec).error().kind() == errc::invalid_argument);
    for (std::size_t i = 1; i < supervisor_service::max_services; ++i) {
        spec.name = "agent" + std::to_string(i);
        REQUIRE(services.add(spec));
    }
    spec.name = "one-more";
    CHECK(services.add(spec).error().message() == "service \"one-more\": too many services: resource exhausted");
}

TEST_CASE_METHOD(supervised_fixture, "services are supervised independently of each other", "[supervisor]") {
    add(service("agent", "exit 1"));
    auto once = service("once", "echo done");
    once.restart = restart_mode::never;
    add(once);
    add(service("steady", wait_for_signal));
    await(state::backing_off);
    await(state::stopped, "once");
    await(state::running, "steady");
    advance(1s);
    await_starts(2);
    CHECK(status("once").starts == 1);
    CHECK(status("steady").starts == 1);
    auto all = services.list();
    REQUIRE(all.size() == 3);
    CHECK(all[0].name == "agent");
    CHECK(all[2].name == "steady");
    stop();
    CHECK(contents("/once.log") == "done\n");
}

TEST_CASE("a context that goes down with services in every state leaves nothing behind", "[supervisor]") {
    bool is_stopping = GENERATE(false, true);
    supervised_fixture fixture;
    fixture.add(fixture.service("agent", "exit 1"));
    fixture.add(fixture.service("steady", "trap '' TERM; echo up; exec sleep 1000"));
    auto waiting = fixture.service("waiting", "");
    waiting.trigger = start_trigger::extras;
    fixture.add(waiting);
    fixture.await(state::backing_off);
    fixture.await_file("/steady.log", "up\n");
    task_group tasks(fixture.ex(), fixture.log());
    if (is_stopping) tasks.spawn("stop", fixture.services.stop());
    fixture.poll();
    // The rest is for the sanitizers: coroutines, timers and pipes die with the context, in its order.
    CHECK(fixture.status("steady").state == state::running);
}

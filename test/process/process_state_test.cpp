// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/process_state.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace vminit;
using namespace vminit::process;

namespace {

constexpr wall_time now{std::chrono::seconds(1000)};

process_state in_state(const std::string& name, process_kind kind = process_kind::init) {
    process_state state(kind);
    state.created(7);
    if (name == "created") return state;
    if (name == "starting") {
        state.begin_start();
        return state;
    }
    if (name == "stopped before start") {
        state.exited(3, now);
        return state;
    }
    state.started(7);
    if (name == "pausing") state.begin_pause();
    if (name == "paused") {
        state.begin_pause();
        state.paused();
    }
    if (name == "stopped" || name == "removing" || name == "deleted") state.exited(3, now);
    if (name == "removing" || name == "deleted") state.begin_remove();
    if (name == "deleted") state.removed();
    return state;
}

/// "ok" or the message.
std::string verdict(process_call call, const std::string& state, process_kind kind = process_kind::init) {
    auto outcome = in_state(state, kind).check(call);
    return outcome ? "ok" : outcome.error().message();
}

struct row {
    process_call call;
    const char* created;
    const char* running;
    const char* paused;
    const char* stopped;
    const char* deleted;
};

}  // namespace

TEST_CASE("the wrong-state matrix has containerd's texts and our classes", "[process]") {
    auto expected = GENERATE(
        row{process_call::start, "ok", "cannot start a running process: failed precondition",
            "cannot start a paused process: failed precondition", "cannot start a stopped process: failed precondition",
            "cannot start a deleted process: failed precondition"},
        row{process_call::remove, "ok", "cannot delete a running process: failed precondition",
            "cannot delete a paused process: failed precondition", "ok", "cannot delete a deleted process: not found"},
        row{process_call::kill, "ok", "ok", "ok", "ok", "cannot kill a deleted process: not found"},
        row{process_call::exec, "ok", "ok", "cannot exec in a paused state: failed precondition",
            "cannot exec in a stopped state: failed precondition",
            "cannot exec in a deleted state: failed precondition"},
        row{process_call::update, "ok", "ok", "ok", "cannot update a stopped container: failed precondition",
            "cannot update a deleted process: failed precondition"},
        row{process_call::pause, "cannot pause task in created state: failed precondition", "ok",
            "cannot pause a paused container: failed precondition",
            "cannot pause a stopped container: failed precondition",
            "cannot pause a deleted process: failed precondition"},
        row{process_call::resume, "cannot resume task in created state: failed precondition",
            "cannot resume a running process: failed precondition", "ok",
            "cannot resume a stopped container: failed precondition",
            "cannot resume a deleted process: failed precondition"},
        row{process_call::checkpoint, "cannot checkpoint a task in created state: failed precondition", "ok", "ok",
            "cannot checkpoint a stopped container: failed precondition",
            "cannot checkpoint a deleted process: failed precondition"});
    CHECK(verdict(expected.call, "created") == expected.created);
    CHECK(verdict(expected.call, "running") == expected.running);
    CHECK(verdict(expected.call, "paused") == expected.paused);
    CHECK(verdict(expected.call, "stopped") == expected.stopped);
    CHECK(verdict(expected.call, "stopped before start") == expected.stopped);
    CHECK(verdict(expected.call, "deleted") == expected.deleted);
}

TEST_CASE("resizing asks about an exec's state, not about an init's", "[process]") {
    for (auto state : {"created", "running", "paused", "stopped", "deleted"}) {
        CHECK(verdict(process_call::resize, state) == "ok");
    }
    for (auto state : {"created", "running"}) CHECK(verdict(process_call::resize, state, process_kind::exec) == "ok");
    CHECK(verdict(process_call::resize, "stopped", process_kind::exec) ==
          "cannot resize a stopped container: failed precondition");
    CHECK(verdict(process_call::resize, "deleted", process_kind::exec) ==
          "cannot resize a deleted process: failed precondition");
}

TEST_CASE("what is in flight counts as done for a second call", "[process]") {
    CHECK(verdict(process_call::start, "starting") == "cannot start a running process: failed precondition");
    CHECK(verdict(process_call::remove, "starting") == "cannot delete a running process: failed precondition");
    CHECK(verdict(process_call::exec, "starting") == "ok");
    CHECK(verdict(process_call::remove, "removing") == "cannot delete a deleted process: not found");
    CHECK(verdict(process_call::exec, "removing") == "cannot exec in a deleted state: failed precondition");
    CHECK(verdict(process_call::kill, "removing") == "ok");
    CHECK(verdict(process_call::pause, "pausing") == "cannot pause a paused container: failed precondition");
    // Nobody knows yet whether there is something to freeze.
    CHECK(verdict(process_call::pause, "starting") == "cannot pause task in created state: failed precondition");
    CHECK(verdict(process_call::checkpoint, "starting") ==
          "cannot checkpoint a task in created state: failed precondition");
}

TEST_CASE("a state is reported as Task.State does", "[process]") {
    CHECK(in_state("created").status() == process_status::created);
    CHECK(in_state("starting").status() == process_status::created);
    CHECK(in_state("running").status() == process_status::running);
    CHECK(in_state("pausing").status() == process_status::pausing);
    CHECK(in_state("paused").status() == process_status::paused);
    CHECK(in_state("stopped").status() == process_status::stopped);
    CHECK(in_state("removing").status() == process_status::stopped);
    CHECK(in_state("deleted").status() == process_status::unknown);
}

TEST_CASE("an exit is recorded once", "[process]") {
    auto state = in_state("running");
    CHECK(state.exit() == process_exit(7, 0, std::nullopt));
    CHECK(state.exited(137, now));
    CHECK_FALSE(state.exited(0, now + std::chrono::seconds(1)));
    CHECK(state.exit() == process_exit(7, 137, now));
}

TEST_CASE("an exit during a start stays an exit", "[process]") {
    auto state = in_state("starting");
    state.exited(1, now);
    state.started(7);
    CHECK(state.status() == process_status::stopped);
}

TEST_CASE("a failed start of init can be repeated, one of an exec cannot", "[process]") {
    auto init = in_state("starting");
    init.start_failed();
    CHECK(init.check(process_call::start));
    CHECK_FALSE(init.has_exited());
    auto exec = in_state("starting", process_kind::exec);
    exec.start_failed_for_good(now);
    CHECK(exec.check(process_call::start).error().message() == "cannot start a stopped process: failed precondition");
    CHECK(exec.exit() == process_exit(7, 255, now));
}

TEST_CASE("a failed delete leaves the state as it was", "[process]") {
    auto state = in_state("removing");
    state.remove_failed();
    CHECK(state.status() == process_status::stopped);
    CHECK(state.check(process_call::remove));
}

TEST_CASE("neither Pause nor Resume is allowed while one of them is in flight", "[process]") {
    auto state = in_state("pausing");
    CHECK(state.check(process_call::resume).error().message() ==
          "cannot resume a container that is being paused: failed precondition");
    state.paused();
    REQUIRE(state.check(process_call::resume));
    state.begin_resume();
    CHECK(state.check(process_call::resume).error().message() ==
          "cannot resume a container that is being resumed: failed precondition");
    CHECK_FALSE(state.check(process_call::pause));
    CHECK(state.status() == process_status::paused);
    SECTION("and it may fail") {
        state.resume_failed();
        CHECK(state.check(process_call::resume));
    }
    SECTION("or not") {
        state.resumed();
        CHECK(state.status() == process_status::running);
        CHECK(state.check(process_call::pause));
    }
    SECTION("or the container ends") {
        state.exited(1, wall_now());
        state.resume_failed();
        CHECK(state.status() == process_status::stopped);
    }
}

TEST_CASE("pausing can fail and an exit ends it", "[process]") {
    auto state = in_state("pausing");
    SECTION("failed") {
        state.pause_failed();
        CHECK(state.status() == process_status::running);
    }
    SECTION("resumed") {
        state.paused();
        state.resumed();
        CHECK(state.status() == process_status::running);
    }
    SECTION("killed while paused") {
        state.paused();
        state.exited(137, now);
        CHECK(state.status() == process_status::stopped);
        CHECK(state.check(process_call::remove));
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "api/health.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::api;
using namespace std::chrono_literals;

namespace {

constexpr clock::time_point now(10h);

/// A guest with every layer, none of them in trouble.
guest_snapshot healthy() {
    guest_snapshot snapshot;
    snapshot.now = now;
    snapshot.reaper.emplace();
    snapshot.system.emplace();
    snapshot.devices.emplace();
    snapshot.events.emplace();
    snapshot.server.emplace();
    snapshot.streams.emplace();
    snapshot.runtime.emplace();
    snapshot.process.emplace();
    snapshot.services.emplace();
    return snapshot;
}

/// "layer: trouble" lines.
std::string troubles(const guest_snapshot& snapshot) {
    std::string text;
    for (const auto& layer : assess(snapshot)) {
        if (!layer.trouble.empty()) text += std::string(layer.name) + ": " + layer.trouble + "\n";
    }
    return text;
}

ttrpc::method_metrics running(std::string_view method, clock::duration age) {
    ttrpc::method_metrics metrics;
    metrics.service = "t.S";
    metrics.method = method;
    metrics.running = 1;
    metrics.oldest = now - age;
    return metrics;
}

supervisor::supervised_status service(const std::string& name) {
    supervisor::supervised_status status;
    status.name = name;
    return status;
}

}  // namespace

TEST_CASE("every layer that is there is assessed, bottom first", "[api]") {
    std::string names;
    for (const auto& layer : assess(healthy())) names += std::string(layer.name) + " ";
    CHECK(names == "core reaper system devices events ttrpc streams runc process supervisor ");
    CHECK(troubles(healthy()).empty());
    CHECK(assess(guest_snapshot()).size() == 1);
}

TEST_CASE("a loop that keeps a host's probe waiting is degraded", "[api]") {
    auto snapshot = healthy();
    snapshot.core.longest_stall = 199ms;
    CHECK(troubles(snapshot).empty());
    snapshot.core.longest_stall = 200ms;
    CHECK(troubles(snapshot) == "core: the loop was held up for 200 ms\n");
    snapshot.core.loop_lag = 3s;
    CHECK(troubles(snapshot) == "core: the loop was held up for 3000 ms\n");
}

TEST_CASE("a blocking job that does not end is named", "[api]") {
    auto snapshot = healthy();
    snapshot.core.oldest_jobs = {{blocking_lane::hotplug, "memory block 5", 6s}, {blocking_lane::files, "x", 4999ms}};
    CHECK(troubles(snapshot) == "core: hotplug job \"memory block 5\" runs for 6 s\n");
}

TEST_CASE("three quarters of a bound are too much", "[api]") {
    auto snapshot = healthy();
    SECTION("the blocking pool") {
        auto& mounts = snapshot.core.lanes[static_cast<std::size_t>(blocking_lane::mounts)];
        mounts.queued = 767;
        mounts.abandoned = 5;
        CHECK(troubles(snapshot).empty());
        mounts.queued = 768;
        mounts.abandoned = 6;
        CHECK(troubles(snapshot) == "core: 768 mounts jobs waiting of at most 1024; 6 mounts jobs given up of at most 8\n");
    }
    SECTION("the event ring, of what nobody has got") {
        snapshot.events->counters.held = 1024;
        snapshot.events->counters.undelivered = 767;
        CHECK(troubles(snapshot).empty());
        snapshot.events->counters.undelivered = 768;
        CHECK(troubles(snapshot) == "events: 768 events undelivered of at most 1024\n");
    }
    SECTION("connections and calls") {
        snapshot.server->counters.connections = 384;
        snapshot.server->counters.calls = 3072;
        CHECK(troubles(snapshot) == "ttrpc: 384 connections of at most 512; 3072 calls of at most 4096\n");
    }
    SECTION("stdio streams") {
        snapshot.streams->unclaimed = 768;
        snapshot.streams->handshakes = 768;
        CHECK(troubles(snapshot) ==
              "streams: 768 streams unclaimed of at most 1024; 768 stream handshakes of at most 1024\n");
    }
    SECTION("containers") {
        snapshot.process->containers = 768;
        CHECK(troubles(snapshot) == "process: 768 containers of at most 1024\n");
    }
}

TEST_CASE("children that nobody collects are the reaper's trouble", "[api]") {
    auto snapshot = healthy();
    snapshot.reaper->zombies = 255;
    CHECK(troubles(snapshot).empty());
    snapshot.reaper->zombies = 256;
    snapshot.reaper->counters.kept = 2;
    CHECK(troubles(snapshot) ==
          "reaper: 256 ended children not collected; more orphans than can be kept, 2 exits kept by pid\n");
}

TEST_CASE("boot steps and a missing runtime are told by name", "[api]") {
    auto snapshot = healthy();
    snapshot.system->degraded_steps = {"cgroup-control", "network"};
    snapshot.runtime->problem = "access /sbin/crun: No such file or directory";
    CHECK(troubles(snapshot) ==
          "system: boot step cgroup-control; boot step network\n"
          "runc: access /sbin/crun: No such file or directory\n");
}

TEST_CASE("a call that runs for too long is told, one that waits by design is not", "[api]") {
    auto snapshot = healthy();
    auto forward = running("Connect", 9h);
    forward.service = "vminit.forward.v1.Forward";
    snapshot.server->methods = {running("Wait", 9h),     running("Stream", 9h),        running("Health", 9h),
                                running("Create", 119s), running("Checkpoint", 10min), forward};
    CHECK(troubles(snapshot).empty());
    auto oldest = oldest_call(snapshot);
    REQUIRE(oldest);
    CHECK(oldest->method == "Checkpoint");
    CHECK(oldest->age == 10min);
    snapshot.server->methods = {running("Create", 120s), running("Checkpoint", 11min)};
    CHECK(troubles(snapshot) == "ttrpc: t.S/Create runs for 120 s; t.S/Checkpoint runs for 660 s\n");
    snapshot.server->methods.clear();
    CHECK_FALSE(oldest_call(snapshot));
}

TEST_CASE("a supervised service that was given up or does not start is told", "[api]") {
    auto snapshot = healthy();
    auto given_up = service("agent");
    given_up.state = supervisor::supervised_state::gave_up;
    auto failing = service("other");
    failing.state = supervisor::supervised_state::backing_off;
    failing.last_failure = "exec /x: Exec format error";
    snapshot.services->push_back(service("fine"));
    snapshot.services->push_back(given_up);
    snapshot.services->push_back(failing);
    CHECK(troubles(snapshot) ==
          "supervisor: agent failed too often and was given up; "
          "other cannot be started: exec /x: Exec format error\n");
}

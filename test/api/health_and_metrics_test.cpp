// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/system_api.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "api/system_fixture.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/events/exchange_service.hpp"

using namespace vminit;
using namespace std::chrono_literals;

TEST_CASE("Health is measured: the layers, the loop, the pool, the oldest call", "[api]") {
    test::system_fixture io;
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->state() == vminit::system::v1::HealthResponse::OK);
    std::string names;
    for (const auto& layer : health->layers()) names += layer.name() + " ";
    CHECK(names == "core reaper system devices events ttrpc runc ");
    CHECK(health->resident_bytes() > 1000000);
    CHECK(health->events_capacity() == events::exchange_service::max_held);
    CHECK(health->events_undelivered() == 0);
    CHECK_FALSE(health->has_oldest_call());
    asio::use_service<events::exchange_service>(io.ctx).publish(events::task_oom{"c1"});
    CHECK(io.run(io.client().Health({}))->events_undelivered() == 1);
}

TEST_CASE("Health names the degraded layer, and is degraded itself", "[api]") {
    test::system_fixture io;
    io.timeline.record(
        system::step_record("network", system::uptime(2), system::uptime(3), system::step_outcome::failed));
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->state() == vminit::system::v1::HealthResponse::DEGRADED);
    for (const auto& layer : health->layers()) {
        CAPTURE(layer.name());
        bool is_degraded = layer.state() == vminit::system::v1::HealthResponse::DEGRADED;
        CHECK(is_degraded == (layer.name() == "system"));
        CHECK(layer.text() == (is_degraded ? "boot step network" : ""));
    }
}

namespace {

std::shared_future<void>* stalled_disk = nullptr;
std::atomic<int> looks = 0;

int hang_in_access(std::string_view name) {
    if (name != "access") return 0;
    ++looks;
    stalled_disk->wait();
    return 0;
}

std::string text_of(const vminit::system::v1::HealthResponse& health, std::string_view layer) {
    for (const auto& one : health.layers()) {
        if (one.name() == layer) return one.text();
    }
    return "no such layer";
}

awaitable<void> hang(blocking_service& pool, blocking_lane lane, std::shared_future<void> passed) {
    auto job = [passed]() -> result<void> {
        passed.wait();
        return {};
    };
    (void)co_await pool.run(lane, std::move(job), "hung");
}

}  // namespace

TEST_CASE("Health and Metrics are answered when the disk with the runtime stalls", "[api]") {
    test::system_fixture io;
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    stalled_disk = &passed;
    looks = 0;
    syscalls::set_fault_hook(hang_in_access);
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    for (int call = 0; call < 3; ++call) {
        auto health = io.run(io.client().Health({}));
        REQUIRE(health);
        CHECK(text_of(*health, "runc") == "200 ms were not enough to look for the runtime");
        // One look at a time: asking often costs no more threads.
        CHECK(looks == 1);
    }
    CHECK(io.run(io.client().Metrics({})));
    gate.set_value();
    while (pool.counters(blocking_lane::files).running > 0) std::this_thread::yield();
    CHECK(text_of(*io.run(io.client().Health({})), "runc").empty());
}

TEST_CASE("Health and Metrics are answered when every lane hangs", "[api]") {
    test::system_fixture io;
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    for (std::size_t i = 0; i < blocking_lane_count; ++i) {
        auto lane = static_cast<blocking_lane>(i);
        for (std::size_t n = 0; n < blocking_service::max_active(lane); ++n)
            io.tasks.spawn("hung", hang(pool, lane, passed));
    }
    io.poll();
    while (pool.counters().running < io.tasks.size()) std::this_thread::yield();
    auto hung = io.tasks.size();
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->blocking_running() == hung);
    CHECK(text_of(*health, "runc") == "200 ms were not enough to look for the runtime");
    auto metrics = io.run(io.client().Metrics({}));
    REQUIRE(metrics);
    CHECK(metrics->text().find("vminit_blocking_jobs_running{lane=\"mounts\"} 4\n") != std::string::npos);
    gate.set_value();
    io.pump([&] { return io.tasks.size() == 0; });
}

TEST_CASE("a call that is under way is the oldest in Health", "[api]") {
    test::system_fixture io;
    io.runtime.set_fault("features", R"({"fault": "hang"})");
    auto& tasks = io.tasks;
    auto slow = [](test::system_fixture& self) -> awaitable<void> { (void)co_await self.client().Info({}); };
    tasks.spawn("info", slow(io));
    io.runtime.await_calls(io, "features");
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->oldest_call().service() == "containerd.vminitd.services.system.v1.System");
    CHECK(health->oldest_call().method() == "Info");
    CHECK(health->oldest_call().age_us() > 0);
    tasks.stop();
    io.run(tasks.join());
}

TEST_CASE("Metrics count what was called", "[api]") {
    test::system_fixture io;
    io.run(io.client().PrepareShutdown({}));
    io.run(io.client().PrepareShutdown({}));
    auto metrics = io.run(io.client().Metrics({}));
    REQUIRE(metrics);
    std::string labels = R"({service="containerd.vminitd.services.system.v1.System",method="PrepareShutdown"})";
    CHECK(metrics->text().find("\nvminit_rpc_started_total" + labels + " 2\n") != std::string::npos);
    CHECK(metrics->text().find("\nvminit_rpc_duration_seconds_count" + labels + " 2\n") != std::string::npos);
    CHECK(metrics->text().find("vminit_info{version=\"1.2.3\"} 1\n") != std::string::npos);
}

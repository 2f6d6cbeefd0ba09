// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/when_booted.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "api/task_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

using created = std::optional<result<task::CreateTaskResponse>>;

awaitable<void> create(task_fixture* io, created* outcome, task::CreateTaskRequest request, clock::duration limit) {
    auto client = io->client();
    outcome->emplace(co_await client.Create(request, ttrpc::call_options(limit)));
}

}  // namespace

TEST_CASE("Create waits for what it needs of the boot, and nothing else does", "[api]") {
    task_fixture io;
    io.boot.expect("mount-filesystems");
    io.boot.expect("network");
    created outcome;
    io.calls->spawn("create", create(&io, &outcome, io.create_request("c1", {"exit", "0"}), 1h));
    io.pump([&] { return io.server().counters().calls == 1; });
    // Others are answered meanwhile, and nothing of the container is there.
    auto state = io.run(io.client().State(task_fixture::named<task::StateRequest>("c1")));
    REQUIRE_FALSE(state);
    CHECK(state.error().kind() == errc::not_found);
    io.boot.ended("mount-filesystems");
    CHECK_FALSE(io.run(io.client().State(task_fixture::named<task::StateRequest>("c1"))));
    CHECK_FALSE(outcome);
    io.boot.ended("network");
    io.pump([&] { return outcome.has_value(); });
    CHECK(*outcome);
    CHECK(io.run(io.client().Delete(task_fixture::named<task::DeleteRequest>("c1"))));
}

TEST_CASE("a method that names its steps waits for no others", "[api]") {
    task_fixture io;
    io.boot.expect("mount-filesystems");
    io.boot.expect("network");
    task::StateRequest nobody;
    nobody.set_id("nobody");
    io.server().add(api::when_booted(api::make_task_api(io.ctx, {}), io.boot, io.log(), {{"State", {"mount-filesystems"}}}),
                    "test.Named");
    std::optional<result<void>> outcome;
    auto call = [](task_fixture* fixture, task::StateRequest request, std::optional<result<void>>* out) -> awaitable<void> {
        task::StateResponse response;
        out->emplace(co_await fixture->rpc().call("test.Named", "State", request, response, ttrpc::call_options(1h)));
    };
    io.calls->spawn("state", call(&io, nobody, &outcome));
    io.pump([&] { return io.server().counters().calls == 1; });
    CHECK_FALSE(outcome);
    io.boot.ended("mount-filesystems");
    io.pump([&] { return outcome.has_value(); });
    REQUIRE_FALSE(*outcome);
    CHECK(outcome->error().kind() == errc::not_found);
    CHECK(io.boot.pending() == std::vector<std::string>{"network"});
}

TEST_CASE("a call goes on without a step that does not end, and says so", "[api]") {
    task_fixture io;
    io.boot.expect("extras-extract");
    created outcome;
    io.calls->spawn("create", create(&io, &outcome, io.create_request("c1", {"exit", "0"}), 1s));
    io.pump([&] { return io.has_line("a call goes on before a boot step has ended method=Create step=extras-extract"); });
    io.boot.ended("extras-extract");
    io.pump([&] { return outcome.has_value(); });
}

TEST_CASE("a call that goes on names only the steps that it needed", "[api]") {
    task_fixture io;
    io.boot.expect("network");
    io.boot.expect("mount-filesystems");
    task::StateRequest nobody;
    nobody.set_id("nobody");
    io.server().add(api::when_booted(api::make_task_api(io.ctx, {}), io.boot, io.log(), {{"State", {"mount-filesystems"}}}),
                    "test.Named");
    task::StateResponse response;
    auto call = io.rpc().call("test.Named", "State", nobody, response, ttrpc::call_options(1s));
    CHECK_FALSE(io.run(std::move(call)));
    CHECK(io.has_line("a call goes on before a boot step has ended method=State step=mount-filesystems"));
    CHECK_FALSE(io.has_line("step=network"));
}

TEST_CASE("the wait for the boot is ten seconds, or half of the caller's time", "[api]") {
    CHECK(api::boot_wait_limit(std::nullopt) == 10s);
    CHECK(api::boot_wait_limit(clock::now() + 1h) == 10s);
    CHECK(api::boot_wait_limit(clock::now() + 18s) <= 9s);
    CHECK(api::boot_wait_limit(clock::now() - 1s) < 0s);
}

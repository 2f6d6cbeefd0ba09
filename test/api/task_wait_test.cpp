#include <catch2/catch.hpp>
#include <csignal>

#include "api/raw_host.hpp"
#include "api/task_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

using fixture = task_fixture;

wire_frame wait_frame(std::uint32_t stream, std::chrono::nanoseconds timeout = {}) {
    auto payload = fixture::named<task::WaitRequest>("web").SerializeAsString();
    return request_frame(stream, 0, make_request("containerd.task.v3.Task", "Wait", payload, timeout.count()));
}

}  // namespace

TEST_CASE("a Wait with a deadline ends with it, and the call is gone", "[api]") {
    manual_time time(clock::now());
    fixture io;
    io.create("web", {"sleep", "1000"});
    auto host = connect_raw(io);
    host.send(wait_frame(1, 3s));
    CHECK(host.is_quiet());
    CHECK(io.server().counters().calls == 1);
    time.advance(3s);
    CHECK(host.receive() == failed(1, 4, "context deadline exceeded"));
    io.pump([&] { return io.server().counters().calls == 0; });
}

TEST_CASE("a Wait whose connection is lost is gone, others go on", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    const auto& waited = io.leave(io.client().Wait(io.named<task::WaitRequest>("web")));
    auto host = connect_raw(io);
    host.send(wait_frame(1));
    host.send(wait_frame(3));
    CHECK(host.is_quiet());
    CHECK(io.server().counters().calls == 3);
    host.close();
    io.pump([&] { return io.server().counters().calls == 1; });
    auto kill = io.named<task::KillRequest>("web");
    kill.set_signal(SIGKILL);
    REQUIRE(io.run(io.client().Kill(kill)));
    io.pump([&] { return !waited.empty(); });
    CHECK(waited == "ok");
}

TEST_CASE("a Create whose connection is lost is undone", "[api]") {
    fixture io;
    auto request = io.create_request("web", {"sleep", "1000"});
    io.runtime.set_fault("create", R"({"fault": "hang"})");
    auto host = connect_raw(io);
    host.send(request_frame(1, 0, make_request("containerd.task.v3.Task", "Create", request.SerializeAsString())));
    io.runtime.await_file(io, "hanging");
    host.close();
    io.pump([&] { return io.processes.container_count() == 0; });
    REQUIRE(io.run(io.client().Create(request)));
}

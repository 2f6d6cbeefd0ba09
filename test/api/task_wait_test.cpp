// SPDX-License-Identifier: Apache-2.0
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

TEST_CASE("Delete waits for a silent host half of its caller's time at most", "[api]") {
    auto exec_id = GENERATE(as<std::string>(), "", "e");
    fixture io;
    auto pair = vminit::ttrpc::connected_pair(io.ex()).value();
    REQUIRE(asio::use_service<streams::stream_service>(io.ctx).add("1", std::move(pair.first)));
    // More than a socket's buffer, less than it and a pipe's.
    std::vector<std::string> writer{"write", std::to_string(256 << 10)};
    auto init = io.create_request("web", exec_id.empty() ? writer : std::vector<std::string>{"sleep", "1000"});
    auto exec = fixture::exec_request("web", "e", writer);
    exec_id.empty() ? init.set_stdout("stream://1") : exec.set_stdout("stream://1");
    REQUIRE(io.run(io.client().Create(init)));
    io.start("web");
    manual_time time(clock::now());
    if (!exec_id.empty()) {
        REQUIRE(io.run(io.client().Exec(exec)));
        io.start("web", "e");
    }
    const auto& waited = io.leave(io.client().Wait(fixture::named<task::WaitRequest>("web", exec_id)));
    auto& children = asio::use_service<reaper::reaper_service>(io.ctx);
    std::size_t left = exec_id.empty() ? 0 : 1;
    io.pump([&] { return children.counters().known == left; });
    io.poll();
    CHECK(waited.empty());
    time.advance(2s);
    io.pump([&] { return !waited.empty(); });
    vminit::ttrpc::call_options limit(1s);
    const auto& deleted = io.leave(io.client().Delete(fixture::named<task::DeleteRequest>("web", exec_id), limit));
    io.pump([&] { return io.server().counters().calls == 1; });
    io.poll();
    time.advance(499ms);
    io.poll();
    CHECK(deleted.empty());
    CHECK(io.runtime.calls("delete").empty());
    time.advance(1ms);
    io.pump([&] { return !deleted.empty(); });
    CHECK(deleted == "ok");
}

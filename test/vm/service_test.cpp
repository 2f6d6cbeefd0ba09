// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <vector>

#include "event_watch.hpp"
#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "guest.hpp"
#include "probe.hpp"
#include "stdio_streams.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

namespace wire = spinbox::services::vmevents::v1;
using event_stream = ttrpc::duplex_stream<wire::StreamRequest, containerd::types::Envelope>;

/// Topics and ids of one container's events, until its exit.
awaitable<std::vector<std::string>> topics_of(event_stream& stream, std::string id) {
    std::vector<std::string> topics;
    for (;;) {
        auto event = co_await stream.read();
        if (!event || !*event) co_return topics;
        if ((*event)->event().value().find(id) == std::string::npos) continue;
        topics.push_back((*event)->topic());
        if ((*event)->topic() == "/tasks/exit") co_return topics;
    }
}

event_stream open_events(ttrpc::client& client) {
    vminitctl::events_client events(client);
    auto stream = events.Stream();
    REQUIRE(stream);
    return std::move(*stream);
}

const std::vector<std::string> lifecycle{"/tasks/create", "/tasks/start", "/tasks/exit"};

}  // namespace

TEST_CASE("the ten-zero-byte probe is answered, repeatedly, and RPCs follow on the same connection", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto socket = vm.connect_raw();
    CHECK(vm.run(vminitctl::probe(socket, guest::limit)));
    CHECK(vm.run(vminitctl::probe(socket, guest::limit)));
    ttrpc::client client(std::move(socket), vm.log());
    auto info = vm.run(vminitctl::system_client(client).Info({}, guest::limit));
    REQUIRE(info);
    CHECK(info->kernel_version().starts_with("Linux version "));
    CHECK_FALSE(info->version().empty());
    client.close();
    vm.run(client.join());
}

TEST_CASE("events of a container arrive in order", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto stream = open_events(vm.rpc());
    REQUIRE(vm.run(stream.write(wire::StreamRequest())));
    container_wish wish("true");
    wish.id = guest::fresh_id();
    vm.run_container(wish);
    CHECK(vm.run(topics_of(stream, wish.id)) == lifecycle);
}

TEST_CASE("a late subscriber gets the events of the time when nobody listened", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("exit 9");
    wish.id = guest::fresh_id();
    vm.run_container(wish);
    auto late = vm.connect();
    auto stream = open_events(late);
    REQUIRE(vm.run(stream.write(wire::StreamRequest())));
    CHECK(vm.run(topics_of(stream, wish.id)) == lifecycle);
    late.close();
    vm.run(late.join());
}

TEST_CASE("a silent client of the stream port delays nobody", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto silent = vm.connect_stream_port();
    auto half = vm.connect_stream_port();
    const char two[] = {0, 0};
    asio::write(half, asio::buffer(two));
    auto outcome = vm.run_container(container_wish("echo through"));
    CHECK(outcome.out == "through\n");
}

TEST_CASE("a stream id that is taken is refused by closing the second connection", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto number = guest::fresh_number();
    auto first = vm.open_stream(number);
    auto second = vm.connect_stream_port();
    const unsigned char id[] = {static_cast<unsigned char>(number >> 24), static_cast<unsigned char>(number >> 16),
                                static_cast<unsigned char>(number >> 8), static_cast<unsigned char>(number)};
    asio::write(second, asio::buffer(id));
    CHECK(vm.run(read_to_end(second)).empty());
}

TEST_CASE("a container that connects to PID 1's ports by vsock's loopback is sent away", "[vm]") {
    constexpr const char* refused = "vminit_rpc_peers_refused_total";
    constexpr const char* refused_streams = "vminit_streams_refused_total";
    guest vm(virtual_machine::shared_address());
    auto before = vm.metrics();
    auto port = std::to_string(vm.rpc_address().port());
    auto stream_port = std::to_string(vm.stream_address().port());
    auto script =
        "for cid in 1 own; do for port in " + port + " " + stream_port + "; do worker vsock $cid $port; done; done";
    CHECK(vm.run_container(container_wish(script.c_str())).out == "no answer\nno answer\nno answer\nno answer\n");
    auto after = vm.metrics();
    CHECK(sample_of(after, refused) == sample_of(before, refused) + 2);
    CHECK(sample_of(after, refused_streams) == sample_of(before, refused_streams) + 2);
}

TEST_CASE("both names of the Task service answer", "[vm]") {
    guest vm(virtual_machine::shared_address());
    for (const char* name : {"containerd.task.v3.Task", "containerd.task.v2.Task"}) {
        task::ConnectRequest request;
        request.set_id("nobody");
        task::ConnectResponse response;
        auto done = vm.run(vm.rpc().call(name, "Connect", request, response, guest::limit));
        REQUIRE(done);
        CHECK(response.shim_pid() == 1);
        CHECK(response.task_pid() == 0);
    }
    task::PauseRequest pause;
    pause.set_id("nobody");
    auto paused = vm.run(vm.tasks().Pause(pause, guest::limit));
    REQUIRE_FALSE(paused);
    CHECK(paused.error().message() == "pause is not supported: not implemented");
}

TEST_CASE("a bundle with a name that leaves it is refused and nothing is made", "[vm]") {
    guest vm(virtual_machine::shared_address());
    containerd::vminitd::services::bundle::v1::CreateRequest request;
    request.set_id("../escape");
    auto made = vm.run(vm.bundles().Create(request, guest::limit));
    REQUIRE_FALSE(made);
    CHECK(made.error().message() == "invalid bundle ID: \"../escape\": invalid argument");
}

TEST_CASE("the boot timeline has every phase in order", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto timeline = vm.run(vm.system().BootTimeline({}, guest::limit));
    REQUIRE(timeline);
    std::vector<std::string> phases;
    std::uint64_t last = 0;
    for (const auto& milestone : timeline->milestones()) {
        phases.push_back(milestone.phase());
        CHECK(milestone.at_us() >= last);
        last = milestone.at_us();
    }
    CHECK(phases == std::vector<std::string>{"pid1-entry", "system-init", "vsock-listen", "serve", "first-accept"});
    for (const auto& step : timeline->steps()) {
        CAPTURE(step.name(), step.text());
        CHECK(step.outcome() == containerd::vminitd::services::system::v1::BootStep_Outcome_OK);
    }
}

TEST_CASE("after a reset of the vsock device, as by a restore, new connections work and missed events come", "[vm]") {
    virtual_machine machine({});
    guest before(machine.address());
    auto sleeper = before.run_sleeper();
    auto pid = std::to_string(before.state(sleeper)->pid());
    // When it is told to, there is no device for a while, in which the other ends. The host is silent meanwhile.
    container_wish wish(("read line; cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport; device=$(echo virtio*); "
                         "echo $device >unbind; kill -9 " +
                         pid + "; while [ -e /proc/" + pid +
                         " ]; do :; done; "
                         "echo $device >bind; echo device is back >/proc/1/root/dev/console; exec sleep 100000")
                            .c_str());
    wish.id = guest::fresh_id();
    wish.pids = vminitctl::pid_namespace::host;
    named_stream in(before);
    REQUIRE(before.create(wish, stdio_uris(in.uri, "", "")));
    REQUIRE(before.start(wish.id));
    asio::write(in.socket, asio::buffer("\n", 1));
    while (machine.console().find("device is back") == std::string::npos) ::sched_yield();
    CHECK_FALSE(before.state(sleeper));  // that connection is gone
    guest vm(machine.address());
    event_watch watch(vm);
    CHECK(watch.wait_for("/tasks/exit", sleeper, sleeper).status == 137);
    CHECK(vm.wait(sleeper)->exit_status() == 137);
    CHECK(vm.remove(sleeper));
    vm.kill_and_remove(wish.id);
    CHECK(vm.run_container(container_wish("echo ok")).out == "ok\n");
}

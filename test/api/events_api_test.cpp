// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/events_api.hpp"

#include <catch2/catch.hpp>

#include "api/api_fixture.hpp"
#include "api/raw_host.hpp"
#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/events/v1/events.pb.h"

using namespace vminit;
using namespace std::chrono_literals;

namespace {

namespace wire = spinbox::services::vmevents::v1;
using containerd::types::Envelope;
using event_stream = vminit::ttrpc::duplex_stream<wire::StreamRequest, Envelope>;

class events_fixture : public test::api_fixture {
public:
    events_fixture() { server().add(api::make_events_api(ctx)); }

    events::exchange_service& exchange() { return asio::use_service<events::exchange_service>(ctx); }

    void publish_exit(std::string id, std::uint32_t status) {
        events::task_exit event;
        event.container_id = id;
        event.id = id;
        event.pid = 42;
        event.exit_status = status;
        event.exited_at = wall_time(std::chrono::seconds(1700000000) + std::chrono::nanoseconds(5));
        exchange().publish(event);
    }

    /// As today's hosts: a server-streaming call with an empty request.
    event_stream listen(vminit::ttrpc::client& client) {
        wire::EventsClient events(client);
        auto stream = events.Stream();
        REQUIRE(stream);
        REQUIRE(stream->close_send());
        return std::move(*stream);
    }

    event_stream resume(vminit::ttrpc::client& client, std::uint64_t after, bool acknowledge) {
        wire::EventsClient events(client);
        auto stream = events.Stream();
        REQUIRE(stream);
        wire::StreamRequest request;
        request.set_after_sequence(after);
        request.set_acknowledge(acknowledge);
        REQUIRE(run(stream->write(request)));
        return std::move(*stream);
    }

    Envelope next(event_stream& stream) {
        auto event = run(stream.read());
        REQUIRE(event);
        REQUIRE(*event);
        return **event;
    }
};

std::string id_of(const Envelope& envelope) {
    containerd::events::TaskExit exit;
    exit.ParseFromString(envelope.event().value());
    return exit.id();
}

}  // namespace

TEST_CASE("an event reaches the host as containerd's envelope", "[api]") {
    events_fixture io;
    auto stream = io.listen(io.rpc());
    io.publish_exit("c1", 137);
    auto envelope = io.next(stream);
    CHECK(envelope.topic() == "/tasks/exit");
    CHECK(envelope.namespace_() == "default");
    CHECK(envelope.sequence() == 1);
    // Field 1000, a varint: what existing hosts skip.
    CHECK(envelope.SerializeAsString().find("\xc0\x3e\x01") != std::string::npos);
    CHECK(envelope.timestamp().seconds() > 1700000000);
    CHECK(envelope.event().type_url() == "containerd.events.TaskExit");
    containerd::events::TaskExit exit;
    REQUIRE(exit.ParseFromString(envelope.event().value()));
    CHECK(exit.container_id() == "c1");
    CHECK(exit.id() == "c1");
    CHECK(exit.pid() == 42);
    CHECK(exit.exit_status() == 137);
    CHECK(exit.exited_at().seconds() == 1700000000);
    CHECK(exit.exited_at().nanos() == 5);
}

TEST_CASE("every event has its own type and topic on the wire", "[api]") {
    events_fixture io;
    auto stream = io.listen(io.rpc());
    events::task_create create;
    create.container_id = "c1";
    create.bundle = "/run/bundles/c1";
    create.rootfs.emplace_back("erofs", "/dev/vda", "", std::vector<std::string>{"ro"});
    create.stdout_uri = "stream://2";
    create.pid = 7;
    io.exchange().publish(create);
    events::task_exec_started started;
    started.container_id = "c1";
    started.exec_id = "e1";
    started.pid = 9;
    io.exchange().publish(started);
    events::task_oom oom;
    oom.container_id = "c1";
    io.exchange().publish(oom);

    auto first = io.next(stream);
    CHECK(first.topic() == "/tasks/create");
    containerd::events::TaskCreate create_message;
    REQUIRE(create_message.ParseFromString(first.event().value()));
    CHECK(create_message.rootfs(0).source() == "/dev/vda");
    CHECK(create_message.rootfs(0).options(0) == "ro");
    CHECK(create_message.io().stdout() == "stream://2");
    CHECK(create_message.pid() == 7);
    auto second = io.next(stream);
    CHECK(second.topic() == "/tasks/exec-started");
    CHECK(second.event().type_url() == "containerd.events.TaskExecStarted");
    auto third = io.next(stream);
    CHECK(third.topic() == "/tasks/oom");
    CHECK(third.event().type_url() == "containerd.events.TaskOOM");
}

TEST_CASE("events of the time without a subscriber go to the next, in order", "[api]") {
    events_fixture io;
    for (int i = 0; i < 3; ++i) io.publish_exit("c" + std::to_string(i), 0);
    auto stream = io.listen(io.rpc());
    for (int i = 0; i < 3; ++i) CHECK(id_of(io.next(stream)) == "c" + std::to_string(i));
}

TEST_CASE("across a reconnect a plain host misses nothing", "[api]") {
    events_fixture io;
    auto first = io.connect();
    auto stream = io.listen(first);
    io.publish_exit("c1", 0);
    CHECK(id_of(io.next(stream)) == "c1");
    first.close();
    io.run(first.join());
    io.pump([&] { return io.exchange().counters().subscribers == 0; });
    io.publish_exit("c2", 0);
    auto second = io.listen(io.rpc());
    CHECK(id_of(io.next(second)) == "c2");
}

TEST_CASE("a client that may send but only listens gets its events", "[api]") {
    manual_time time;
    events_fixture io;
    io.publish_exit("held", 0);
    wire::EventsClient events(io.rpc());
    auto stream = events.Stream();
    REQUIRE(stream);
    io.poll();
    io.publish_exit("c1", 0);
    io.poll();
    CHECK(io.exchange().counters().subscribers == 1);
    time.advance(100ms);
    CHECK(id_of(io.next(*stream)) == "held");
    CHECK(id_of(io.next(*stream)) == "c1");
    SECTION("and may still say that it acknowledges") {
        wire::StreamRequest request;
        request.set_acknowledge(true);
        REQUIRE(io.run(stream->write(request)));
        io.poll();
        io.publish_exit("c2", 0);
        CHECK(id_of(io.next(*stream)) == "c2");
        CHECK(io.exchange().counters().undelivered == 1);
    }
}

TEST_CASE("a stream asked for without any flag is one", "[api]") {
    manual_time time;
    events_fixture io;
    auto host = test::connect_raw(io);
    host.send(test::request_frame(1, 0, test::make_request(std::string(wire::EventsService::service_name), "Stream")));
    io.poll();
    io.publish_exit("c1", 0);
    auto frame = host.receive();
    CHECK(frame.stream_id == 1);
    CHECK(frame.type == 3);
    Envelope envelope;
    REQUIRE(envelope.ParseFromString(frame.data));
    CHECK(id_of(envelope) == "c1");
}

TEST_CASE("who looks on takes nothing from the host", "[api]") {
    events_fixture io;
    auto watcher = io.connect();
    wire::StreamRequest request;
    request.set_observe(true);
    // Field 1000: a guest that does not know it skips it.
    CHECK(request.SerializeAsString() == "\xc0\x3e\x01");
    auto opened = watcher.open_stream(wire::EventsService::service_name, "Stream", vminit::ttrpc::method_kind::bidi, &request, {});
    REQUIRE(opened);
    event_stream watching(std::move(*opened));
    io.publish_exit("c1", 0);
    CHECK(id_of(io.next(watching)) == "c1");
    CHECK(io.exchange().counters().subscribers == 0);
    CHECK(io.exchange().counters().undelivered == 1);
    auto host = io.listen(io.rpc());
    CHECK(id_of(io.next(host)) == "c1");
    io.publish_exit("c2", 0);
    CHECK(id_of(io.next(host)) == "c2");
    CHECK(id_of(io.next(watching)) == "c2");
}

TEST_CASE("what was not acknowledged is delivered again", "[api]") {
    events_fixture io;
    auto first = io.connect();
    auto stream = io.resume(first, 0, true);
    for (int i = 0; i < 3; ++i) io.publish_exit("c" + std::to_string(i), 0);
    for (int i = 0; i < 3; ++i) (void)io.next(stream);
    wire::StreamRequest acknowledgement;
    acknowledgement.set_after_sequence(1);
    REQUIRE(io.run(stream.write(acknowledgement)));
    io.pump([&] { return io.exchange().counters().held == 2; });
    first.close();
    io.run(first.join());
    io.pump([&] { return io.exchange().counters().subscribers == 0; });
    auto again = io.resume(io.rpc(), 1, true);
    CHECK(io.next(again).sequence() == 2);
    CHECK(io.next(again).sequence() == 3);
}

TEST_CASE("a gap is told to a host that resumes, never silent", "[api]") {
    events_fixture io;
    for (std::size_t i = 0; i < events::exchange_service::max_held + 10; ++i) io.publish_exit("c", 0);
    auto stream = io.resume(io.rpc(), 3, false);
    auto gap = io.next(stream);
    CHECK(gap.event().type_url() == "vminit.events.v1.EventsLost");
    vminit::events::v1::EventsLost lost;
    REQUIRE(lost.ParseFromString(gap.event().value()));
    CHECK(lost.first() == 4);
    CHECK(lost.last() == 10);
    CHECK(io.next(stream).sequence() == 11);
}

TEST_CASE("a host that falls too far behind is told so with code 8, another is not disturbed", "[api]") {
    events_fixture io;
    auto slow = io.listen(io.rpc());
    auto quick_connection = io.connect();
    auto quick = io.listen(quick_connection);
    io.pump([&] { return io.exchange().counters().subscribers == 2; });
    const auto count = events::exchange_service::max_behind;
    for (std::size_t i = 0; i < count; ++i) {
        io.publish_exit("c", 0);
        CHECK(io.next(quick).sequence() == i + 1);
    }
    // What the slow one's connection has taken is not behind.
    std::size_t published = count;
    while (io.exchange().counters().cut_off == 0) {
        for (std::size_t i = 0; i <= count; ++i) io.publish_exit("c", 0);
        published += count + 1;
        REQUIRE(published < 100 * count);
    }
    auto answer = io.run(slow.read());
    while (answer && *answer) answer = io.run(slow.read());
    REQUIRE_FALSE(answer);
    CHECK(answer.error().kind() == errc::resource_exhausted);
}

TEST_CASE("a number of another boot is refused with code 11", "[api]") {
    events_fixture io;
    auto stream = io.resume(io.rpc(), 5, false);
    auto answer = io.run(stream.read());
    REQUIRE_FALSE(answer);
    CHECK(answer.error().kind() == errc::out_of_range);
}

TEST_CASE("power-off ends the stream cleanly after the last event", "[api]") {
    events_fixture io;
    auto stream = io.listen(io.rpc());
    io.publish_exit("last", 0);
    io.exchange().close();
    CHECK(id_of(io.next(stream)) == "last");
    auto end = io.run(stream.read());
    REQUIRE(end);
    CHECK_FALSE(*end);
}

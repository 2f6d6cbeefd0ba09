// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "api/raw_host.hpp"
#include "api/task_fixture.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/events/exchange_service.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

class order_fixture : public task_fixture {
public:
    explicit order_fixture(const host_dialect& dialect = {}) : task_fixture(dialect) {
        server().add(api::make_events_api(ctx), std::string(dialect.events_service));
    }

    /// What a plain host sends: a server-streaming call with an empty message.
    static std::string stream_bytes(std::uint32_t id, std::string_view service) {
        constexpr std::uint8_t no_more_from_us = 0x01;
        return request_frame(id, no_more_from_us, make_request(std::string(service), "Stream")).bytes();
    }

    events::exchange_service& exchange() { return asio::use_service<events::exchange_service>(ctx); }
};

/// The topic of an envelope in a data frame.
std::string topic_of(const wire_frame& frame) {
    containerd::types::Envelope envelope;
    REQUIRE(envelope.ParseFromString(frame.data));
    return envelope.topic();
}

}  // namespace

TEST_CASE("a stream that is asked for before a call on the same connection has that call's events", "[api]") {
    order_fixture io;
    io.run_container("web", {"sleep", "1000"});
    // Another listens, so that nothing is held for whoever comes next.
    auto other = io.exchange().subscribe();
    for (int i = 0; i < 2; ++i) REQUIRE(io.run(other.next()));
    auto host = connect_raw(io);
    auto exec = io.exec_request("web", "e", {"exit", "0"}).SerializeAsString();
    host.send(io.stream_bytes(1, "spinbox.services.vmevents.v1.Events") +
              request_frame(3, 0, make_request("containerd.task.v3.Task", "Exec", exec)).bytes());
    auto first = host.receive();
    auto second = host.receive();
    auto& event = first.stream_id == 1 ? first : second;
    CHECK(event.stream_id == 1);
    CHECK(topic_of(event) == "/tasks/exec-added");
}

TEST_CASE("the Events service has the name that the host knows", "[api]") {
    auto [dialect, other] =
        GENERATE(table<host_dialect, std::string>({{host_dialect::spinbox(), "nerdbox.services.vmevents.v1.Events"},
                                                   {host_dialect::nerdbox(), "spinbox.services.vmevents.v1.Events"}}));
    order_fixture io(dialect);
    auto host = connect_raw(io);
    host.send(io.stream_bytes(1, other));
    CHECK(host.receive() == failed(1, 12, "service " + other));
    host.send(io.stream_bytes(3, dialect.events_service));
    io.create("web", {"sleep", "1000"});
    CHECK(topic_of(host.receive()) == "/tasks/create");
}

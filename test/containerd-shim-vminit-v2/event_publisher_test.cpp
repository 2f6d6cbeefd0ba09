// SPDX-License-Identifier: Apache-2.0
#include "event_publisher.hpp"

#include <catch2/catch.hpp>

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "github.com/containerd/containerd/api/services/ttrpc/events/v1/events.ttrpc.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/ttrpc/server_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;
namespace events = containerd::services::events::ttrpc::v1;

namespace {

/// containerd's side. `refuse` answers with an error of its own.
class daemon_events final : public events::EventsService {
public:
    awaitable<result<google::protobuf::Empty>> Forward(ttrpc::call_context&, events::ForwardRequest request) override {
        if (request.envelope().topic() == "/refuse") co_return error(errc::invalid_argument, "no");
        taken.push_back(request.envelope());
        co_return google::protobuf::Empty();
    }
    std::vector<containerd::types::Envelope> taken;
};

struct daemon : io_fixture {
    daemon() : path(directory.path("t.sock")), events(std::make_shared<daemon_events>()) {}
    void start() {
        auto& server = asio::use_service<ttrpc::server_service>(ctx);
        server.add(events);
        REQUIRE(server.listen(ttrpc::address::unix_socket(path)));
    }
    google::protobuf::Any event(const char* id) {
        containerd::events::TaskOOM message;
        message.set_container_id(id);
        return pack_event(message);
    }

    temporary_directory directory;
    std::string path;
    std::shared_ptr<daemon_events> events;
};

}  // namespace

TEST_CASE_METHOD(daemon, "events reach the daemon in order, in the shim's namespace", "[shim]") {
    start();
    event_publisher publisher(ctx, path, "k8s.io");
    publisher.publish("/tasks/oom", event("one"));
    publisher.publish("/refuse", event("two"));
    publisher.publish("/tasks/oom", event("three"));
    run(publisher.flush(std::chrono::seconds(60)));
    REQUIRE(events->taken.size() == 2);
    CHECK(events->taken[0].namespace_() == "k8s.io");
    CHECK(events->taken[0].topic() == "/tasks/oom");
    CHECK(events->taken[0].event().type_url() == "containerd.events.TaskOOM");
    CHECK(events->taken[0].timestamp().seconds() > 0);
    CHECK(events->taken[1].event().value().find("three") != std::string::npos);
    CHECK(has_line("event refused by the daemon"));
}

TEST_CASE_METHOD(daemon, "a daemon that is away gets them when it is back, but for the oldest of too many", "[shim]") {
    event_publisher publisher(ctx, path, "default");
    for (std::size_t count = 0; count < event_publisher::most_waiting + 1; ++count) {
        publisher.publish(count == 0 ? "/first" : "/later", event("x"));
    }
    CHECK(has_line("event dropped"));
    poll();
    start();
    run(publisher.flush(std::chrono::seconds(60)));
    REQUIRE(events->taken.size() == event_publisher::most_waiting);
    CHECK(events->taken.front().topic() == "/later");
}

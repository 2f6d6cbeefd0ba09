// SPDX-License-Identifier: Apache-2.0
#include "shim_container.hpp"

#include <catch2/catch.hpp>

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "github.com/containerd/containerd/api/services/ttrpc/events/v1/events.ttrpc.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/ttrpc/server_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;
namespace forwarded = containerd::services::events::ttrpc::v1;
namespace events = containerd::events;

namespace {

class daemon_events final : public forwarded::EventsService {
public:
    awaitable<result<google::protobuf::Empty>> Forward(ttrpc::call_context&,
                                                       forwarded::ForwardRequest request) override {
        taken.push_back(request.envelope());
        co_return google::protobuf::Empty();
    }
    std::vector<containerd::types::Envelope> taken;
};

struct one_container : io_fixture {
    one_container() : daemon(std::make_shared<daemon_events>()), publisher(ctx, directory.path("t"), "default") {
        auto& server = asio::use_service<ttrpc::server_service>(ctx);
        server.add(daemon);
        REQUIRE(server.listen(ttrpc::address::unix_socket(directory.path("t"))));
        container = std::make_shared<shim_container>(ctx, "c", "/bundle", publisher);
        container->set_pid(900);
        for (const auto* exec_id : {"", "x", "never"}) {
            auto stdio = std::make_shared<host_stdio>(ctx, stdio_names{"", "/fifo/out", "", false});
            auto added = container->add(exec_id, std::move(stdio));
            REQUIRE(added);
            (*added)->is_started = std::string(exec_id) != "never";
        }
    }
    void take(const char* topic, const google::protobuf::MessageLite& message) {
        containerd::types::Envelope envelope;
        envelope.set_topic(topic);
        *envelope.mutable_event() = pack_event(message);
        container->take(std::move(envelope));
    }
    void exits(const char* id, std::uint32_t status) {
        events::TaskExit message;
        message.set_container_id("c");
        message.set_id(id);
        message.set_pid(70);
        message.set_exit_status(status);
        take("/tasks/exit", message);
    }
    std::vector<std::string> told() {
        poll();
        run(publisher.flush(std::chrono::seconds(60)));
        std::vector<std::string> lines;
        for (const auto& envelope : daemon->taken) {
            events::TaskExit exit;
            bool is_exit = envelope.topic() == "/tasks/exit" && exit.ParseFromString(envelope.event().value());
            lines.push_back(is_exit ? exit.id() + " " + std::to_string(exit.exit_status()) + " " +
                                          std::to_string(exit.pid())
                                    : envelope.topic());
        }
        return lines;
    }

    temporary_directory directory;
    std::shared_ptr<daemon_events> daemon;
    event_publisher publisher;
    std::shared_ptr<shim_container> container;
};

using story = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(one_container, "events carry this machine's names and pid", "[shim]") {
    events::TaskCreate create;
    create.set_container_id("c");
    create.set_bundle("/run/bundles/c");
    create.set_pid(70);
    take("/tasks/create", create);
    CHECK((told() == story{"/tasks/create"}));
    REQUIRE(create.ParseFromString(daemon->taken[0].event().value()));
    CHECK(create.bundle() == "/bundle");
    CHECK(create.pid() == 900);
    CHECK(create.io().stdout() == "/fifo/out");
}

TEST_CASE_METHOD(one_container, "exits are told in the guest's order and known here from then on", "[shim]") {
    exits("x", 5);
    exits("c", 137);
    CHECK((told() == story{"x 5 900", "c 137 900"}));
    CHECK((*container->find("x"))->exit->status == 5);
    CHECK((*container->find(""))->exit->status == 137);
    CHECK_FALSE((*container->find("never"))->exit);
}

TEST_CASE_METHOD(one_container, "with its VM every process that ran is killed, init last, and none twice", "[shim]") {
    exits("x", 5);
    CHECK((told() == story{"x 5 900"}));
    container->lose();
    exits("c", 1);  // what was still on its way
    CHECK((told() == story{"x 5 900", "c 137 900"}));
    CHECK((*container->find(""))->exit->status == 137);
}

TEST_CASE_METHOD(one_container, "an id is taken once", "[shim]") {
    auto again = container->add("x", std::make_shared<host_stdio>(ctx, stdio_names()));
    REQUIRE_FALSE(again);
    CHECK(again.error().kind() == errc::already_exists);
    container->remove("x");
    CHECK(container->find("x").error().kind() == errc::not_found);
}

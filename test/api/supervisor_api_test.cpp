// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/supervisor_api.hpp"

#include <catch2/catch.hpp>

#include "api/api_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/api/supervisor_events.hpp"
#include "vminit/core/file.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/events/v1/events.pb.h"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/supervisor/v1/supervisor.ttrpc.hpp"

using namespace vminit;
using namespace std::chrono_literals;
namespace wire = vminit::supervisor::v1;

namespace {

/// A supervisor whose services are shell scripts, asked over ttrpc; its events go to an exchange, as in vminitd.
class supervisor_fixture : public test::api_fixture {
public:
    supervisor_fixture() {
        supervisor::supervisor_config config;
        config.root = directory.path();
        config.on_event = [this](const supervisor::supervised_event& event) {
            exchange().publish(api::to_event(event));
        };
        asio::make_service<supervisor::supervisor_service>(ctx, std::move(config));
        server().add(api::make_supervisor_api(ctx));
    }

    ~supervisor_fixture() { run(services().stop()); }

    wire::SupervisorClient client() { return wire::SupervisorClient(rpc()); }
    supervisor::supervisor_service& services() { return asio::use_service<supervisor::supervisor_service>(ctx); }
    events::exchange_service& exchange() { return asio::use_service<events::exchange_service>(ctx); }

    void add(const std::string& name, const std::string& body, supervisor::start_trigger trigger = {}) {
        REQUIRE(replace_file(directory.path(name), "#!/bin/sh\n" + body + "\n", 0755));
        supervisor::service_spec spec;
        spec.name = name;
        spec.binaries = {"/" + name};
        spec.trigger = trigger;
        REQUIRE(services().add(std::move(spec)));
        poll();
    }

    wire::ServiceStatus status(const std::string& name) {
        wire::StatusRequest request;
        request.set_name(name);
        auto answer = run(client().Status(request));
        REQUIRE(answer);
        REQUIRE(answer->services_size() == 1);
        return answer->services(0);
    }

    result<google::protobuf::Empty> restart(const std::string& name) {
        wire::RestartRequest request;
        request.set_name(name);
        return run(client().Restart(request));
    }

    void await(const std::string& name, supervisor::supervised_state state, std::uint64_t starts) {
        pump([&] {
            auto now = services().status(name).value();
            return now.state == state && now.starts == starts;
        });
    }

    test::temporary_directory directory;
    manual_time time;
};

template <class Message>
Message message_of(const events::envelope& envelope) {
    const auto& event = std::get<events::foreign_event>(envelope.event);
    Message message;
    CHECK(event.type_url == message.GetTypeName());
    REQUIRE(message.ParseFromString(event.value));
    return message;
}

}  // namespace

TEST_CASE("Status tells each state with what belongs to it", "[api]") {
    supervisor_fixture io;
    io.add("runner", "exec sleep 1000");
    io.await("runner", supervisor::supervised_state::running, 1);
    auto running = io.status("runner");
    CHECK(running.state() == wire::ServiceStatus::RUNNING);
    CHECK(running.binary() == "/runner");
    CHECK(running.pid() > 1);
    CHECK(running.starts() == 1);
    CHECK_FALSE(running.has_last_exit());
    CHECK_FALSE(running.has_restart_due_in_ms());

    io.add("crasher", "exit 3");
    io.await("crasher", supervisor::supervised_state::backing_off, 1);
    io.time.advance(250ms);
    auto backing_off = io.status("crasher");
    CHECK(backing_off.state() == wire::ServiceStatus::BACKING_OFF);
    CHECK(backing_off.pid() == 0);
    CHECK(backing_off.restart_due_in_ms() == 750);
    CHECK(backing_off.restarts_in_window() == 1);
    CHECK(backing_off.last_exit().status() == 3);
    CHECK(backing_off.last_exit().exited_at().seconds() > 1700000000);

    io.add("waiter", "exit 0", supervisor::start_trigger::rootfs);
    CHECK(io.status("waiter").state() == wire::ServiceStatus::WAITING);
}

TEST_CASE("Status without a name lists all in the order they were added", "[api]") {
    supervisor_fixture io;
    CHECK(io.run(io.client().Status({}))->services_size() == 0);
    io.add("b", "exec sleep 1000");
    io.add("a", "exec sleep 1000");
    auto all = io.run(io.client().Status({}));
    REQUIRE(all);
    REQUIRE(all->services_size() == 2);
    CHECK(all->services(0).name() == "b");
    CHECK(all->services(1).name() == "a");
}

TEST_CASE("Restart ends the process and starts another, and each step is an event", "[api]") {
    supervisor_fixture io;
    auto listener = io.exchange().subscribe();
    io.add("runner", "exec sleep 1000");
    io.await("runner", supervisor::supervised_state::running, 1);
    auto first = io.status("runner").pid();
    CHECK(io.restart("runner"));
    io.await("runner", supervisor::supervised_state::running, 2);
    auto second = io.status("runner").pid();
    CHECK(second != first);
    CHECK(message_of<vminit::events::v1::SupervisedStarted>(*io.run(listener.next()).value()).pid() == first);
    auto exited = message_of<vminit::events::v1::SupervisedExited>(*io.run(listener.next()).value());
    CHECK(exited.pid() == first);
    CHECK(exited.exit_status() == 143);
    CHECK(message_of<vminit::events::v1::SupervisedStarted>(*io.run(listener.next()).value()).pid() == second);
}

TEST_CASE("a service that crashes for ever is told step by step until it is given up", "[api]") {
    supervisor_fixture io;
    auto listener = io.exchange().subscribe();
    io.add("crasher", "exit 1");
    std::string topics;
    std::vector<std::uint64_t> delays;
    for (;;) {
        auto event = io.run(listener.next()).value();
        auto topic = std::string(event->topic());
        topics += topic.substr(topic.rfind('/') + 1, 1);
        if (topic.ends_with("/gave-up")) {
            auto gave_up = message_of<vminit::events::v1::SupervisedGaveUp>(*event);
            CHECK(gave_up.name() == "crasher");
            CHECK(gave_up.restarts_in_window() == 10);
            break;
        }
        if (!topic.ends_with("/restarting")) continue;
        auto restarting = message_of<vminit::events::v1::SupervisedRestarting>(*event);
        CHECK(restarting.restarts_in_window() == delays.size() + 1);
        delays.push_back(restarting.delay_ms());
        io.time.advance(std::chrono::milliseconds(restarting.delay_ms()));
        io.poll();
    }
    CHECK(delays == std::vector<std::uint64_t>{1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000});
    std::string expected;
    for (int run = 0; run < 10; ++run) expected += "ser";
    CHECK(topics == expected + "seg");
    CHECK(io.status("crasher").state() == wire::ServiceStatus::GAVE_UP);
    // By hand it goes on from the beginning.
    CHECK(io.restart("crasher"));
    io.await("crasher", supervisor::supervised_state::backing_off, 12);
    CHECK(io.status("crasher").restarts_in_window() == 1);
}

TEST_CASE("requests about services that are not there, or not startable, say so", "[api]") {
    supervisor_fixture io;
    wire::StatusRequest unknown;
    unknown.set_name("nobody");
    auto status = io.run(io.client().Status(unknown));
    REQUIRE_FALSE(status);
    CHECK(status.error().message() == "service \"nobody\": not found");
    CHECK(io.restart("nobody").error().kind() == errc::not_found);
    CHECK(io.restart("").error().kind() == errc::invalid_argument);
    io.add("waiter", "exit 0", supervisor::start_trigger::rootfs);
    auto early = io.restart("waiter");
    REQUIRE_FALSE(early);
    CHECK(early.error().kind() == errc::failed_precondition);
    CHECK(early.error().message() == "service \"waiter\" waits for its trigger: failed precondition");
}

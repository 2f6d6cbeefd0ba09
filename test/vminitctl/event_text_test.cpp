// SPDX-License-Identifier: Apache-2.0
#include "event_text.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "vminit/events/v1/events.pb.h"

using namespace vminit::vminitctl;
namespace events = containerd::events;
namespace json = boost::json;

namespace {

template <class Event>
containerd::types::Envelope envelope_of(const std::string& topic, const std::string& type, const Event& event) {
    containerd::types::Envelope envelope;
    envelope.mutable_timestamp()->set_seconds(1772352930);
    envelope.mutable_timestamp()->set_nanos(5000000);
    envelope.set_namespace_("default");
    envelope.set_topic(topic);
    envelope.set_sequence(7);
    envelope.mutable_event()->set_type_url(type);
    envelope.mutable_event()->set_value(event.SerializeAsString());
    return envelope;
}

events::TaskExit exit_of_web() {
    events::TaskExit event;
    event.set_container_id("web");
    event.set_id("web");
    event.set_pid(12);
    event.set_exit_status(137);
    event.mutable_exited_at()->set_seconds(1772352929);
    return event;
}

}  // namespace

TEST_CASE("an event is a line with its time, topic and facts", "[vminitctl]") {
    auto envelope = envelope_of("/tasks/exit", "containerd.events.TaskExit", exit_of_web());
    CHECK(event_line(envelope) ==
          "2026-03-01T08:15:30.005000000Z /tasks/exit container_id=web id=web pid=12 exit_status=137 "
          "exited_at=2026-03-01T08:15:29.000000000Z");
}

TEST_CASE("an event is an object with its sequence number", "[vminitctl]") {
    auto envelope = envelope_of("/tasks/exit", "type.example/containerd.events.TaskExit", exit_of_web());
    CHECK(json::serialize(to_json(envelope_facts(envelope))) ==
          R"({"sequence":7,"timestamp":"2026-03-01T08:15:30.005000000Z","namespace":"default","topic":"/tasks/exit",)"
          R"("event":{"container_id":"web","id":"web","pid":12,"exit_status":137,)"
          R"("exited_at":"2026-03-01T08:15:29.000000000Z"}})");
    envelope.set_sequence(0);
    CHECK(to_json(envelope_facts(envelope)).if_contains("sequence") == nullptr);
}

TEST_CASE("a create event shows where its stdio and rootfs come from", "[vminitctl]") {
    events::TaskCreate event;
    event.set_container_id("web");
    event.set_bundle("/run/bundles/web");
    event.set_pid(3);
    event.mutable_io()->set_stdout("stream://9");
    auto& mount = *event.add_rootfs();
    mount.set_type("erofs");
    mount.set_source("/dev/vda");
    mount.add_options("ro");
    auto envelope = envelope_of("/tasks/create", "containerd.events.TaskCreate", event);
    CHECK(
        event_line(envelope) ==
        "2026-03-01T08:15:30.005000000Z /tasks/create container_id=web pid=3 bundle=/run/bundles/web stdout=stream://9 "
        R"(terminal=false rootfs=[{"type":"erofs","source":"/dev/vda","target":"","options":["ro"]}])");
}

TEST_CASE("an event of a single field is told by its topic", "[vminitctl]") {
    events::TaskOOM event;
    event.set_container_id("web");
    CHECK(event_line(envelope_of("/tasks/oom", "containerd.events.TaskOOM", event)) ==
          "2026-03-01T08:15:30.005000000Z /tasks/oom container_id=web");
}

TEST_CASE("the guest's own events are told as those of containers are", "[vminitctl]") {
    namespace own = vminit::events::v1;
    auto line_of = [](const auto& event) {
        auto line = event_line(envelope_of("/vminit/x", event.GetTypeName(), event));
        return line.substr(line.find("/vminit/x") + 10);
    };
    own::Resumed resumed;
    resumed.mutable_before()->set_seconds(1772352930);
    resumed.mutable_after()->set_seconds(1772352990);
    resumed.set_entropy_bytes(64);
    CHECK(line_of(resumed) ==
          "before=2026-03-01T08:15:30.000000000Z after=2026-03-01T08:16:30.000000000Z entropy_bytes=64");
    own::SupervisedStarted started;
    started.set_name("agent");
    started.set_pid(7);
    CHECK(line_of(started) == "name=agent pid=7");
    own::SupervisedExited exited;
    exited.set_name("agent");
    exited.set_pid(7);
    exited.set_exit_status(139);
    CHECK(line_of(exited) == "name=agent pid=7 exit_status=139");
    own::SupervisedStartFailed failed;
    failed.set_name("agent");
    failed.set_reason("no such file");
    CHECK(line_of(failed) == "name=agent reason=no such file");
    own::SupervisedRestarting restarting;
    restarting.set_name("agent");
    restarting.set_delay_ms(2000);
    restarting.set_restarts_in_window(2);
    CHECK(line_of(restarting) == "name=agent delay_ms=2000 restarts_in_window=2");
    own::SupervisedGaveUp gave_up;
    gave_up.set_name("agent");
    gave_up.set_restarts_in_window(10);
    CHECK(line_of(gave_up) == "name=agent restarts_in_window=10");
    own::EventsLost lost;
    lost.set_first(3);
    lost.set_last(9);
    CHECK(line_of(lost) == "first=3 last=9");
}

TEST_CASE("an event we do not know, or cannot read, is shown as what it is", "[vminitctl]") {
    events::TaskOOM event;
    event.set_container_id("web");
    CHECK(event_line(envelope_of("/vminit/new", "vminit.events.New", event)) ==
          "2026-03-01T08:15:30.005000000Z /vminit/new type_url=vminit.events.New size=5");
    auto broken = envelope_of("/tasks/oom", "containerd.events.TaskOOM", event);
    broken.mutable_event()->set_value("\xff");
    CHECK(event_line(broken) == "2026-03-01T08:15:30.005000000Z /tasks/oom type_url=containerd.events.TaskOOM size=1");
}

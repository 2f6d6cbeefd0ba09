#include "event_text.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "github.com/containerd/containerd/api/events/task.pb.h"

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

TEST_CASE("an event we do not know, or cannot read, is shown as what it is", "[vminitctl]") {
    events::TaskOOM event;
    event.set_container_id("web");
    CHECK(event_line(envelope_of("/vminit/new", "vminit.events.New", event)) ==
          "2026-03-01T08:15:30.005000000Z /vminit/new type_url=vminit.events.New size=5");
    auto broken = envelope_of("/tasks/oom", "containerd.events.TaskOOM", event);
    broken.mutable_event()->set_value("\xff");
    CHECK(event_line(broken) == "2026-03-01T08:15:30.005000000Z /tasks/oom type_url=containerd.events.TaskOOM size=1");
}

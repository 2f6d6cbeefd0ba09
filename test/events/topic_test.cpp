// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "vminit/events/envelope.hpp"

using namespace vminit::events;

TEST_CASE("every event has containerd's topic", "[events]") {
    CHECK(topic_of(task_create()) == "/tasks/create");
    CHECK(topic_of(task_start()) == "/tasks/start");
    CHECK(topic_of(task_exit()) == "/tasks/exit");
    CHECK(topic_of(task_oom()) == "/tasks/oom");
    CHECK(topic_of(task_delete()) == "/tasks/delete");
    CHECK(topic_of(task_exec_added()) == "/tasks/exec-added");
    CHECK(topic_of(task_exec_started()) == "/tasks/exec-started");
    CHECK(topic_of(task_paused()) == "/tasks/paused");
    CHECK(topic_of(task_resumed()) == "/tasks/resumed");
    CHECK(topic_of(task_checkpointed()) == "/tasks/checkpointed");
    CHECK(topic_of(events_lost()) == "/vminit/events-lost");
}

TEST_CASE("a foreign event brings its own topic, if it is one", "[events]") {
    CHECK(topic_of(foreign_event{"/vminit/supervisor/exited", "a.B", ""}) == "/vminit/supervisor/exited");
    CHECK(topic_of(foreign_event{"", "a.B", ""}) == "/tasks/?");
    CHECK(topic_of(foreign_event{"/a b", "a.B", ""}) == "/tasks/?");
}

TEST_CASE("a topic starts with a slash and has identifiers between slashes", "[events]") {
    for (auto topic : {"/tasks/exit", "/a", "/vminit/exec-added/x.y_z/1"}) {
        CAPTURE(topic);
        CHECK(is_topic(topic));
    }
    for (auto text : {"", "/", "tasks/exit", "/tasks/", "//exit", "/tasks//exit", "/tasks/?", "/-a", "/a b"}) {
        CAPTURE(text);
        CHECK_FALSE(is_topic(text));
    }
}

TEST_CASE("the guest's namespace is default", "[events]") {
    envelope one(7, vminit::wall_time(std::chrono::seconds(3)), task_start{"c", 12});
    CHECK(one.name_space == "default");
    CHECK(one.topic() == "/tasks/start");
}

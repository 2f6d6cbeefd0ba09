// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <new>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

/// A container whose config.json has these pid namespaces.
void run_with_namespaces(process_fixture& fixture, const std::string& namespaces) {
    auto request = fixture.request("web", {"sleep", "1000"});
    auto config = boost::json::parse(read_file(request.bundle + "/config.json").value()).as_object();
    config["linux"] = boost::json::object{{"namespaces", boost::json::parse(namespaces)}};
    REQUIRE(replace_file(request.bundle + "/config.json", boost::json::serialize(config), 0644));
    REQUIRE(fixture.run(fixture.processes.create(request)));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "e"));
}

std::string make_gate(process_fixture& fixture) {
    auto gate = fixture.fake.path("gate");
    REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
    return gate;
}

void open_gate(const std::string& gate) {
    auto opened = syscalls::open(gate, O_WRONLY);
    REQUIRE(opened);
}

using outcome = std::optional<result<std::uint32_t>>;

awaitable<void> note_start(process_fixture& fixture, std::string exec_id, outcome& into) {
    auto started = co_await fixture.processes.start("web", std::move(exec_id));
    into.emplace(std::move(started));
}

}  // namespace

TEST_CASE("with a pid namespace of its own the kernel has killed the rest: no runtime is run for it", "[process]") {
    process_fixture fixture;
    run_with_namespaces(fixture, R"([{"type": "mount"}, {"type": "pid"}])");
    REQUIRE(fixture.kill("web", "", SIGKILL));
    fixture.pump([&] { return fixture.reaper.counters().known == 1; });
    fixture.poll();
    CHECK(fixture.fake.calls("kill").size() == 1);
    // The fake has no namespaces: its exec lives on and holds init's exit back.
    CHECK(fixture.status("web") == process_status::running);
    REQUIRE(fixture.kill("web", "e", SIGKILL));
    REQUIRE(fixture.wait("web"));
    CHECK(fixture.heard.back() == "/tasks/exit web 137");
    CHECK(fixture.fake.calls("kill").size() == 1);
}

TEST_CASE("in a pid namespace of somebody else's the rest is killed by the runtime", "[process]") {
    auto namespaces = GENERATE(as<std::string>(), "[]", R"([{"type": "pid", "path": "/proc/1/ns/pid"}])");
    process_fixture fixture;
    run_with_namespaces(fixture, namespaces);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    REQUIRE(fixture.wait("web"));
    CHECK(fake_runtime::words_of(fixture.fake.calls("kill").back()) == lines{"kill", "--all", "web", "9"});
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 2) == "/tasks/exit e 137");
    CHECK(fixture.heard.at(count - 1) == "/tasks/exit web 137");
}

TEST_CASE("what is left of a container is not killed while its start is under way", "[process]") {
    process_fixture fixture;
    auto gate = make_gate(fixture);
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    fixture.fake.set_fault("start", R"({"fault": "init-exits-during-start", "status": 3, "await": ")" + gate + "\"}");
    outcome started;
    fixture.tasks->spawn("start", note_start(fixture, "", started));
    fixture.fake.await_calls(fixture, "start");
    // init is collected, the starting runtime is there.
    fixture.pump([&] { return fixture.reaper.counters().known == 1; });
    fixture.poll();
    CHECK(fixture.reaper.counters().known == 1);
    CHECK(fixture.heard == lines{"/tasks/create web"});
    open_gate(gate);
    fixture.pump([&] { return started.has_value(); });
    CHECK(*started);
    REQUIRE(fixture.wait("web"));
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/exit web 3"});
    CHECK(fixture.fake.calls("kill").size() == 1);
}

TEST_CASE("a runtime that cannot kill the rest is told of, and exits are still told in order", "[process]") {
    process_fixture fixture;
    run_with_namespaces(fixture, "[]");
    REQUIRE(fixture.kill("web", "", SIGKILL));
    fixture.fake.set_fault("kill", R"({"fault": "error", "message": "not today"})");
    fixture.pump([&] { return fixture.has_line("processes may be left"); });
    CHECK(fixture.status("web") == process_status::running);
    REQUIRE(fixture.kill("web", "e", SIGKILL));
    REQUIRE(fixture.wait("web"));
    CHECK(fixture.heard.back() == "/tasks/exit web 137");
}

TEST_CASE("an exec that runs before the runtime has returned is started, then ended", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto gate = make_gate(fixture);
    REQUIRE(fixture.add_exec("web", "e", {"exit", "9"}));
    fixture.fake.set_fault("exec", R"({"fault": "await-after-pid-file", "await": ")" + gate + "\"}");
    outcome started;
    fixture.tasks->spawn("start", note_start(fixture, "e", started));
    auto pid = std::stoul(fixture.fake.await_file(fixture, "launched"));
    // It has ended by now or will in a moment; nothing may be told before the start is.
    fixture.poll();
    CHECK(fixture.heard.back() == "/tasks/exec-added e");
    CHECK(fixture.status("web", "e") == process_status::created);
    open_gate(gate);
    fixture.pump([&] { return started.has_value(); });
    CHECK(started->value() == pid);
    CHECK(fixture.wait("web", "e").value().status == 9);
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 2) == "/tasks/exec-started e");
    CHECK(fixture.heard.at(count - 1) == "/tasks/exit e 9");
}

TEST_CASE("init dies while an exec's runtime is at work: the exec is told first, then init", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto gate = make_gate(fixture);
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    fixture.fake.set_fault("exec", R"({"fault": "await-after-pid-file", "await": ")" + gate + "\"}");
    outcome started;
    fixture.tasks->spawn("start", note_start(fixture, "e", started));
    fixture.fake.await_file(fixture, "launched");
    REQUIRE(fixture.kill("web", "", SIGKILL));
    // init's exit has been noticed once the rest is killed for it.
    fixture.fake.await_calls(fixture, "kill", 2);
    CHECK(fixture.status("web") == process_status::running);
    open_gate(gate);
    fixture.pump([&] { return started.has_value(); });
    REQUIRE(fixture.wait("web"));
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 3) == "/tasks/exec-started e");
    CHECK(fixture.heard.at(count - 2) == "/tasks/exit e 137");
    CHECK(fixture.heard.at(count - 1) == "/tasks/exit web 137");
    REQUIRE(fixture.remove("web"));
}

TEST_CASE("an exec that slips in behind the killing of the rest does not hold init's exit back", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto gate = make_gate(fixture);
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    fixture.fake.set_fault("exec", R"({"fault": "await-after-check", "await": ")" + gate + "\"}");
    outcome started;
    fixture.tasks->spawn("start", note_start(fixture, "e", started));
    fixture.fake.await_file(fixture, "checked");
    REQUIRE(fixture.kill("web", "", SIGKILL));
    fixture.fake.await_calls(fixture, "kill", 2);
    open_gate(gate);
    fixture.pump([&] { return started.has_value(); });
    CHECK(*started);
    fixture.await_event("/tasks/exit web 137");
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 3) == "/tasks/exec-started e");
    CHECK(fixture.heard.at(count - 2) == "/tasks/exit e 137");
}

TEST_CASE("failed starts of unknown and known execs do not disturb the count", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "good", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "good"));
    for (int i = 0; i < 3; ++i) CHECK_FALSE(fixture.start("web", "unknown"));
    REQUIRE(fixture.add_exec("web", "bad", {"/nonexistent"}));
    for (int i = 0; i < 3; ++i) CHECK_FALSE(fixture.start("web", "bad"));
    CHECK_FALSE(fixture.start("web", "good"));
    // Too low a count would tell init's exit before the exec's, too high a one never.
    REQUIRE(fixture.kill("web", "", SIGKILL));
    REQUIRE(fixture.wait("web"));
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 2) == "/tasks/exit good 137");
    CHECK(fixture.heard.at(count - 1) == "/tasks/exit web 137");
}

TEST_CASE("Delete of a created container with a running exec tells both exits", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "e"));
    CHECK(fixture.remove("web").value().status == 137);
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 2) == "/tasks/exit e 137");
    CHECK(fixture.heard.at(count - 1) == "/tasks/exit web 137");
}

TEST_CASE("an exec without its terminal is a failed start that leaves nothing", "[process]") {
    auto fault = GENERATE(as<std::string>(), R"({"fault": "console-none"})", R"({"fault": "console-empty"})",
                          R"({"fault": "console-fds", "count": 0})", R"({"fault": "console-fds", "count": 2})",
                          R"({"fault": "console-not-tty"})", R"({"fault": "console-big"})");
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto other = fixture.open_stream(99);
    auto before = open_descriptors();
    auto out = fixture.read(fixture.open_stream(1));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}, {"", "stream://1", "", true}));
    fixture.fake.set_fault("exec", fault);
    CHECK_FALSE(fixture.start("web", "e"));
    fixture.pump([&] { return out->has_ended; });
    out->close();
    CHECK(fixture.wait("web", "e").value().status == 255);
    // The process that the runtime did start is not left running.
    fixture.pump([&] { return fixture.reaper.counters().known == 1; });
    CHECK(open_descriptors() == before);
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/exit e 255") == 0);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    REQUIRE(fixture.wait("web"));
}

TEST_CASE("an exec whose runtime does not live to report its start is killed", "[process]") {
    auto is_killed = GENERATE(true, false);
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto gate = make_gate(fixture);
    auto before = open_descriptors();
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    fixture.fake.set_fault("exec", R"({"fault": "await-after-pid-file", "await": ")" + gate + "\"}");
    manual_time time(clock::now());
    outcome started;
    fixture.tasks->spawn("start", note_start(fixture, "e", started));
    auto pid = static_cast<pid_t>(std::stoul(fixture.fake.await_file(fixture, "launched")));
    if (is_killed) {
        REQUIRE(::kill(static_cast<pid_t>(fixture.fake.calls("exec").at(0).at("pid").as_int64()), SIGKILL) == 0);
    } else {
        time.advance(fixture.runtime.config().limits.exec);
    }
    fixture.pump([&] { return started.has_value(); });
    CHECK(started->error().kind() == (is_killed ? errc::unknown : errc::deadline_exceeded));
    auto exit = fixture.wait("web", "e").value();
    CHECK(exit.pid == 0);
    CHECK(exit.status == 255);
    // Only init is left of our children.
    fixture.pump([&] { return fixture.reaper.counters().known == 1; });
    CHECK(::kill(pid, 0) == -1);
    CHECK(fixture.heard.back() == "/tasks/exec-added e");
    CHECK(open_descriptors() == before);
    REQUIRE(fixture.remove("web", "e"));
    CHECK_FALSE(std::filesystem::exists(fixture.fake.bundle("web") + "/e.pid"));
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
    CHECK(fixture.heard.back() == "/tasks/exit web 137");
}

TEST_CASE("an exec has started although nothing can be said of it", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    fixture.log().set_level(log_level::debug);
    fixture.log().set_sink([&](log_level, std::string_view line) {
        if (line.find("exec started") != line.npos) throw std::bad_alloc();
        fixture.lines.emplace_back(line);
    });
    REQUIRE(fixture.start("web", "e"));
    CHECK(fixture.status("web", "e") == process_status::running);
    REQUIRE(fixture.kill("web", "e", SIGKILL));
    CHECK(fixture.wait("web", "e").value().status == 137);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
}

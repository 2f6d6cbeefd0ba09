// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "program.hpp"
#include "pseudo_terminal.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::fake_process;
namespace json = boost::json;

namespace {

using console = test::program;
using calls = std::vector<std::string>;

containerd::types::Envelope exit_event(std::uint64_t sequence, const std::string& id) {
    containerd::events::TaskExit event;
    event.set_container_id(id);
    containerd::types::Envelope envelope;
    envelope.set_sequence(sequence);
    envelope.set_topic("/tasks/exit");
    envelope.mutable_timestamp()->set_seconds(1772352930);
    envelope.mutable_event()->set_type_url("containerd.events.TaskExit");
    envelope.mutable_event()->set_value(event.SerializeAsString());
    return envelope;
}

}  // namespace

TEST_CASE("ping asks without any service", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"ping"}) == 0);
    auto text = terminal.output.out_text();
    CHECK(text.starts_with(terminal.guest.rpc_address() + ": "));
    CHECK(text.ends_with(" ms\n"));
    CHECK(terminal.run({"ping", "--json", "--wait", "1"}) == 0);
    CHECK(terminal.out_json().at("ms").is_double());
    CHECK(terminal.guest.calls.empty());
}

TEST_CASE("a guest that is not there is unavailable", "[vminitctl]") {
    console terminal;
    auto status = terminal.run({"ping", "--address", "unix:///nonexistent/socket"});
    CHECK(status == exit_failure);
    CHECK(terminal.output.err_text() ==
          "vminitctl: unavailable: connect unix:///nonexistent/socket: No such "
          "file or directory\n");
    CHECK(terminal.run({"info", "--address", "unix:///nonexistent/socket"}) == exit_failure);
}

TEST_CASE("state, ps, stats, boot answer in text and JSON", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"state", "web", "--json"}) == 0);
    CHECK(terminal.out_json().at("status") == json::value("running"));
    CHECK(terminal.run({"ps", "web"}) == 0);
    CHECK(terminal.output.out_text() == "PID  EXEC ID\n 42  -\n");
    CHECK(terminal.run({"stats", "web", "--json"}) == 0);
    CHECK(terminal.out_json().at("memory_usage") == json::value(2048));
    CHECK(terminal.run({"boot"}) == 0);
    CHECK(terminal.output.out_text().find("mount-filesystems") != std::string::npos);
    CHECK(terminal.run({"boot", "--json"}) == 0);
    CHECK(terminal.out_json().at_pointer("/steps/0/ended_us") == json::value(3000));
    CHECK(terminal.run({"top", "web", "--rounds", "1"}) == 0);
    CHECK(terminal.output.out_text() ==
          "ID   CPU PERCENT   MEMORY  MEMORY LIMIT  PIDS\nweb            -  2.0 KiB           0 B     1\n");
    CHECK(terminal.guest.calls ==
          calls{"State web", "Pids web", "Stats web", "BootTimeline", "BootTimeline", "Stats web"});
}

TEST_CASE("a status is one line with its class and exit status 1", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["State"] = error(errc::not_found, "container not created");
    CHECK(terminal.run({"state", "web"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: not found: container not created\n");
    CHECK(terminal.output.out_text() == "");
    CHECK(terminal.run({"state", "web", "--json"}) == exit_failure);
    auto details = json::parse(terminal.output.err_text()).at("error");
    CHECK(details.at("class") == json::value("not found"));
    CHECK(details.at("code") == json::value(5));
}

TEST_CASE("run makes a bundle, creates, starts, follows and deletes", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print("hello\n");
        co_await process.complain("oops\n");
        co_return 7;
    };
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "/bin/echo", "hello"}) == 7);
    CHECK(terminal.output.out_text() == "hello\n");
    CHECK(terminal.output.err_text() == "oops\n");
    CHECK(terminal.guest.calls == calls{"Bundle web", "Create web", "Start web", "Wait web", "Delete web"});
    auto config = json::parse(terminal.guest.bundle_files.at("config.json"));
    CHECK(config.at_pointer("/process/args") == json::value({"/bin/echo", "hello"}));
    const auto& created = terminal.guest.created;
    CHECK(created.bundle() == "/run/bundles/web");
    CHECK(created.stdin() == "");
    CHECK(created.stdout().starts_with("stream://"));
    CHECK(created.stderr().starts_with("stream://"));
    CHECK(created.stdout() != created.stderr());
    CHECK_FALSE(created.terminal());
    REQUIRE(created.rootfs_size() == 3);
    CHECK(created.rootfs(0).source() == "serial:root");
    CHECK(created.rootfs(2).options(0) == "lowerdir={{ overlay 0 0 }}");
}

TEST_CASE("run reports the end on stderr in JSON, for stdout is the container's", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print("data");
        co_return 0;
    };
    CHECK(terminal.run({"run", "web", "--json", "--keep", "--rootfs", "/r", "--", "x"}) == 0);
    CHECK(terminal.output.out_text() == "data");
    CHECK(terminal.output.err_text() ==
          "{\"id\":\"web\",\"exit_status\":0,\"exited_at\":\"2026-03-01T08:15:30.000000000Z\"}\n");
    CHECK_FALSE(terminal.guest.has_call("Delete web"));
}

TEST_CASE("stdin goes to the process, its end as CloseIO", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        auto text = co_await process.read_all();
        co_await process.print("<" + text + ">");
        co_return 0;
    };
    terminal.type("some input\n");
    terminal.input.write_end.reset();
    CHECK(terminal.run({"run", "web", "-i", "--rootfs", "root", "--", "cat"}) == 0);
    CHECK(terminal.output.out_text() == "<some input\n>");
    CHECK(terminal.guest.has_call("CloseIO web stdin"));
}

TEST_CASE("a process that ends before its stdin does not leave us waiting for it", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"run", "web", "-i", "--rootfs", "root", "--", "true"}) == 0);
    CHECK_FALSE(terminal.guest.has_call("CloseIO web stdin"));
}

TEST_CASE("signals go to the process, the third as SIGKILL", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        // Before it is followed, a signal is not the process's.
        while (!terminal.guest.has_call("Wait web")) co_await asio::post(use_awaitable);
        ::raise(SIGINT);
        auto first = co_await process.next_signal();
        ::raise(SIGTERM);
        auto second = co_await process.next_signal();
        ::raise(SIGTERM);
        auto third = co_await process.next_signal();
        co_return first * 10000 + second * 100 + third;
    };
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "sleep"}) == SIGINT * 10000 + SIGTERM * 100 + SIGKILL);
    CHECK(terminal.output.err_text() == "");
}

TEST_CASE("with a terminal ours is raw, and the guest knows its size", "[vminitctl]") {
    console terminal;
    test::pseudo_terminal screen;
    screen.resize(80, 24);
    terminal.local.in = screen.slave.get();
    bool was_raw = false;
    terminal.guest.process = [&](fake_process& process) -> awaitable<std::uint32_t> {
        std::array<char, 1> key;
        REQUIRE(syscalls::write_all(screen.master.get(), "q", "terminal"));
        co_await process.in->async_read_some(asio::buffer(key), use_awaitable);
        was_raw = screen.is_raw();
        screen.resize(100, 30);
        ::raise(SIGWINCH);
        while (!terminal.guest.has_call("ResizePty web 100x30")) co_await asio::post(use_awaitable);
        co_await process.print("bye");
        co_return key[0] == 'q' ? 5 : 6;
    };
    CHECK(terminal.run({"run", "web", "-t", "--rootfs", "root", "--", "sh"}) == 5);
    CHECK(was_raw);
    CHECK_FALSE(screen.is_raw());
    CHECK(terminal.guest.has_call("ResizePty web 80x24"));
    CHECK(terminal.guest.created.terminal());
    CHECK(terminal.guest.created.stderr() == "");
    CHECK(terminal.output.out_text() == "bye");
}

TEST_CASE("a run that fails says where, and leaves no container", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["Start"] = error(errc::unknown, "OCI runtime start failed: no such file");
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "x"}) == exit_ours);
    CHECK(terminal.output.err_text() == "vminitctl: unknown: OCI runtime start failed: no such file\n");
    CHECK(terminal.guest.calls == calls{"Bundle web", "Create web", "Start web", "Delete web"});
}

TEST_CASE("a container that cannot be created is not started", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["Bundle"] = error(errc::already_exists, "bundle web");
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--", "x"}) == exit_ours);
    CHECK(terminal.output.err_text() == "vminitctl: already exists: bundle web\n");
    CHECK(terminal.guest.calls == calls{"Bundle web"});
}

TEST_CASE("a detached run prints the id and leaves", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"run", "web", "-d", "--stdout", "file:///tmp/log", "--rootfs", "root", "--", "x"}) == 0);
    CHECK(terminal.output.out_text() == "id:   web\npid:  42\n");
    CHECK(terminal.guest.calls == calls{"Bundle web", "Create web", "Start web"});
    CHECK(terminal.guest.created.stdout() == "file:///tmp/log");
    CHECK(terminal.guest.created.stderr() == "");
}

TEST_CASE("attach prints a stream that a detached container was given", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print("from afar\n");
        co_return 0;
    };
    // The container is run once the stream is there, and by somebody else.
    terminal.guest.on_stream = [&](std::uint32_t id) {
        CHECK(id == 7);
        REQUIRE(terminal.guest.add_process("web", "", "", "stream://7", ""));
        terminal.guest.start_process("web", "");
    };
    CHECK(terminal.run({"attach", "--stream", "7", "--json"}) == 0);
    CHECK(terminal.output.out_text() == "from afar\n");
    CHECK(terminal.output.err_text() == "{\"stream\":7,\"bytes\":10}\n");
}

TEST_CASE("create, start, wait, kill and delete are the steps of run", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_return 128 + co_await process.next_signal();
    };
    CHECK(terminal.run({"create", "web", "--rootfs", "root", "--", "x"}) == 0);
    CHECK(terminal.output.out_text() == "id:   web\npid:  42\n");
    CHECK(terminal.run({"start", "web"}) == 0);
    CHECK(terminal.run({"kill", "web", "KILL", "--all"}) == 0);
    CHECK(terminal.run({"wait", "web"}) == 137);
    CHECK(terminal.run({"delete", "web", "--json"}) == 0);
    CHECK(terminal.guest.calls ==
          calls{"Bundle web", "Create web", "Start web", "Kill web 9 all", "Wait web", "Delete web"});
}

TEST_CASE("a forced delete kills first and ends although there is nothing to kill", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["Kill"] = error(errc::not_found, "process already finished");
    CHECK(terminal.run({"delete", "web", "-f"}) == 0);
    CHECK(terminal.guest.calls == calls{"Kill web 9 all", "Delete web"});
}

TEST_CASE("exec adds a process, follows it and deletes it", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process& process) -> awaitable<std::uint32_t> {
        co_await process.print("in exec\n");
        co_return 9;
    };
    CHECK(terminal.run({"exec", "web", "--exec-id", "e1", "--user", "5:6", "-w", "/tmp", "--", "id"}) == 9);
    CHECK(terminal.output.out_text() == "in exec\n");
    CHECK(terminal.guest.calls == calls{"Exec web/e1", "Start web/e1", "Wait web/e1", "Delete web/e1"});
    auto process = json::parse(terminal.guest.executed.spec().value());
    CHECK(process.at("args") == json::value(json::array{"id"}));
    CHECK(process.at("cwd") == json::value("/tmp"));
    CHECK(process.at("user") == json::value({{"uid", 5}, {"gid", 6}}));
}

TEST_CASE("a user by name goes to a guest that says it looks names up", "[vminitctl]") {
    console terminal;
    terminal.guest.info.add_capabilities("user:name");
    CHECK(terminal.run({"exec", "web", "--exec-id", "e1", "--user", "5", "--", "id"}) == 0);
    auto process = json::parse(terminal.guest.executed.spec().value());
    CHECK(process.at("user") == json::value({{"username", "5"}}));
    CHECK(terminal.guest.calls == calls{"Info", "Exec web/e1", "Start web/e1", "Wait web/e1", "Delete web/e1"});
    terminal.guest.calls.clear();
    CHECK(terminal.run({"run", "web", "--rootfs", "root", "--user", "nginx", "--", "id"}) == 0);
    CHECK(terminal.guest.calls == calls{"Info", "Bundle web", "Create web", "Start web", "Wait web", "Delete web"});
}

TEST_CASE("a user by name is refused where the guest would run it as root", "[vminitctl]") {
    console terminal;
    test::temporary_directory files;
    auto image = files.path("image"), spec = files.path("spec");
    REQUIRE(replace_file(image, R"({"config":{"User":"nginx","Cmd":["id"]}})", 0600));
    REQUIRE(replace_file(spec, R"({"process":{"args":["id"],"user":{"username":"nginx"}}})", 0600));
    const std::string refusal =
        "vminitctl: not implemented: this guest does not look up users: give --user UID:GID for \"nginx\"\n";
    const std::vector<std::vector<std::string>> all = {
        {"run", "--rootfs", "root", "--user", "nginx", "web", "--", "id"},
        {"run", "-d", "--rootfs", "root", "--image-config", image, "web"},
        {"create", "--rootfs", "root", "--spec", spec, "web"},
        {"exec", "--user", "nginx", "web", "--", "id"},
    };
    for (const auto& words : all) {
        CAPTURE(words);
        CHECK(terminal.run(words) == (words.front() == "create" ? exit_failure : exit_ours));
        CHECK(terminal.output.err_text() == refusal);
    }
    CHECK(terminal.guest.calls == calls(all.size(), "Info"));
}

TEST_CASE("an exec that does not start gives its id back", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["Start"] = error(errc::unknown, "OCI runtime exec failed: no");
    CHECK(terminal.run({"exec", "web", "--exec-id", "e1", "--", "id"}) == exit_ours);
    CHECK(terminal.guest.calls == calls{"Exec web/e1", "Start web/e1", "Delete web/e1"});
}

TEST_CASE("update, pause, resume, resize pass on what they are told", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"update", "web", "--memory", "1M", "--pids", "4"}) == 0);
    CHECK(terminal.guest.updated.resources().value() == R"({"memory":{"limit":1048576},"pids":{"limit":4}})");
    CHECK(terminal.run({"pause", "web"}) == 0);
    CHECK(terminal.run({"resume", "web", "--json"}) == 0);
    CHECK(terminal.run({"resize", "web", "80", "24", "--exec", "e1"}) == 0);
    CHECK(terminal.guest.calls == calls{"Update web", "Pause web", "Resume web", "ResizePty web/e1 80x24"});
    CHECK(terminal.out_json() == json::value({{"id", "web"}, {"status", "running"}}));
}

TEST_CASE("events are lines until the one asked for", "[vminitctl]") {
    console terminal;
    terminal.guest.events = {exit_event(5, "a"), exit_event(6, "b"), exit_event(7, "c")};
    CHECK(terminal.run({"events", "--exit-after", "2", "--after", "4"}) == 0);
    CHECK(terminal.guest.events_after == 4);
    CHECK(terminal.output.out_text() ==
          "2026-03-01T08:15:30.000000000Z /tasks/exit container_id=a pid=0 exit_status=0\n"
          "2026-03-01T08:15:30.000000000Z /tasks/exit container_id=b pid=0 exit_status=0\n");
    CHECK(terminal.run({"events", "--json", "--until", "/tasks/exit", "--container", "b"}) == 0);
    CHECK(terminal.out_json().at("sequence") == json::value(6));
}

TEST_CASE("an event stream that ends is a failure for who still waits", "[vminitctl]") {
    console terminal;
    terminal.guest.events = {exit_event(5, "a")};
    CHECK(terminal.run({"events", "--until", "/tasks/oom"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: unavailable: the guest ended the event stream\n");
}

TEST_CASE("shutdown cleans up, powers off and sees the guest go", "[vminitctl]") {
    console terminal;
    terminal.guest.is_powered_off_by_shutdown = true;
    CHECK(terminal.run({"shutdown"}) == 0);
    CHECK(terminal.guest.calls == calls{"PrepareShutdown", "Shutdown"});
    CHECK(terminal.output.err_text() == "");
}

TEST_CASE("a guest that stays on in spite of shutdown is a failure", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"shutdown", "--timeout", "0.2"}) == exit_failure);
    CHECK(terminal.output.err_text() ==
          "vminitctl: failed precondition: the guest stays on, it still has containers\n");
}

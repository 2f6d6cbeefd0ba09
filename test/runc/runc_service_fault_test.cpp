// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

#include "runc/runc_fixture.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> sleeper = {"sleep", "1000"};

runtime_dialect any_dialect() { return GENERATE(runtime_dialect::crun, runtime_dialect::runc); }

std::string exit_text(int status) {
    return fake_runtime::binary() + " did not terminate successfully: exit status " + std::to_string(status);
}

std::vector<std::string> files_in(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

awaitable<void> note(awaitable<result<void>> operation, std::optional<result<void>>& into) {
    auto done = co_await std::move(operation);
    into.emplace(std::move(done));
}

// A FIFO that a runtime waits at.
std::string gate(const runc_fixture& fixture) {
    auto path = fixture.fake.path("gate");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    return path;
}
void open_gate(const runc_fixture& fixture) {
    REQUIRE(syscalls::open(fixture.fake.path("gate"), O_WRONLY));  // waits for the reader
}

}  // namespace

TEST_CASE("the runtime's own last error is the error", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto fault =
        GENERATE(as<std::string>(), R"({"fault": "error", "message": "boom"})",
                 R"({"fault": "error", "message": "boom", "code": 255})", R"({"fault": "garbage", "message": "boom"})",
                 R"({"fault": "flood", "message": "boom", "bytes": 4000000})",
                 R"({"fault": "flood-stderr", "message": "boom"})");
    fixture.fake.set_fault("create", fault);
    auto failed = fixture.create(web);
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(errc::unknown, "OCI runtime create failed: boom"));
}

TEST_CASE("each operation's failure has its own name", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    for (const char* command : {"start", "exec", "pause", "resume", "kill", "delete", "checkpoint"}) {
        fixture.fake.set_fault(command, R"({"fault": "error", "message": "boom", "times": -1})");
    }
    CHECK(fixture.start(web).error().message() == "OCI runtime start failed: boom");
    CHECK(fixture.exec(web, "e1", {"exit", "0"}).error().message() == "OCI runtime exec failed: boom");
    CHECK(fixture.run(fixture.service.pause(web)).error().message() == "OCI runtime pause failed: boom");
    CHECK(fixture.run(fixture.service.resume(web)).error().message() == "OCI runtime resume failed: boom");
    CHECK(fixture.run(fixture.service.kill_all(web)).error().message() == "OCI runtime killall failed: boom");
    CHECK(fixture.run(fixture.service.remove(web, remove_mode::force)).error().message() ==
          "failed to delete task: boom");
    CHECK(fixture.run(fixture.service.checkpoint(checkpoint_options(web))).error().message() ==
          "OCI runtime checkpoint failed: boom");
}

TEST_CASE("an older error in the log is not taken for this one", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("start", R"([{"fault": "error", "message": "old"}, {"fault": "silent", "code": 3}])");
    CHECK(fixture.start(web).error().message() == "OCI runtime start failed: old");
    CHECK(fixture.start(web).error().message() == "OCI runtime start failed: " + exit_text(3));
}

TEST_CASE("without a record the last line of stderr explains", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("start", R"({"fault": "stderr", "message": "warning\nthe reason\n", "code": 2})");
    CHECK(fixture.start(web).error().message() == "OCI runtime start failed: " + exit_text(2) + ": the reason");
}

TEST_CASE("with the container's stderr attached the text goes there and the status explains", "[runc]") {
    runc_fixture fixture;
    auto pipe = syscalls::pipe().value();
    create_options options(fixture.fake.make_container("web", sleeper));
    options.stdio = stdio_fds(-1, -1, pipe.write_end.get());
    fixture.fake.set_fault("create", R"({"fault": "stderr", "message": "the reason", "code": 2})");
    CHECK(fixture.run(fixture.service.create(options)).error().message() ==
          "OCI runtime create failed: " + exit_text(2));
    char buffer[64];
    auto count = ::read(pipe.read_end.get(), buffer, sizeof buffer);
    CHECK(std::string(buffer, static_cast<std::size_t>(count)) == "the reason\n");
}

TEST_CASE("a runtime that is killed shows 128 plus the signal", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto [fault, status] = GENERATE(table<std::string, int>({{R"({"fault": "killed", "signal": 11})", 139},
                                                             {R"({"fault": "killed", "signal": 9})", 137},
                                                             {R"({"fault": "silent", "code": 253})", 253}}));
    fixture.fake.set_fault("create", fault);
    CHECK(fixture.create(web).error().message() == "OCI runtime create failed: " + exit_text(status));
}

TEST_CASE("a binary that cannot be run is the error", "[runc][vfork]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    REQUIRE(replace_file(fixture.fake.path("plain"), "text", 0644));
    REQUIRE(replace_file(fixture.fake.path("garbage"),
                         std::string("\x7f"
                                     "ELF no"),
                         0755));
    auto [name, reason] = GENERATE(table<std::string, std::string>(
        {{"missing", "no such file or directory"}, {"plain", "permission denied"}, {"garbage", "exec format error"}}));
    web.binary = fixture.fake.path(name);
    auto failed = fixture.create(web);
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(errc::unknown, "OCI runtime create failed: fork/exec " + web.binary + ": " + reason));
}

TEST_CASE("a log leaves nothing behind, however much the runtime wrote or however it ended", "[runc]") {
    manual_time time;
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto before = open_descriptors();
    fixture.fake.set_fault("create", R"([{"fault": "flood", "message": "boom", "bytes": 4000000}, {"fault": "hang"}])");
    CHECK(fixture.create(web).error().message() == "OCI runtime create failed: boom");
    std::optional<result<void>> outcome;
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("create", note(fixture.service.create(create_options(web)), outcome));
    fixture.fake.await_file(fixture, "hanging");
    time.advance(60s);
    fixture.pump([&] { return outcome.has_value(); });
    CHECK(outcome->error().kind() == errc::deadline_exceeded);
    fixture.poll();
    CHECK(open_descriptors() == before);
    CHECK(files_in(web.bundle) == std::vector<std::string>{"config.json", "rootfs"});
    CHECK(files_in(fixture.fake.temporary()).empty());
}

TEST_CASE("what one runtime logs is never another's error", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    // Three at once, each at work while the one before it logs and fails.
    fixture.fake.set_fault("exec", R"([{"fault": "await-then-silent", "await": ")" + gate(fixture) +
                                       R"(", "code": 7}, {"fault": "error", "message": "does not exist"}])");
    std::optional<result<void>> silent;
    task_group tasks(fixture.ex(), fixture.log());
    exec_options options(web, "e1", fixture.fake.process_json({"exit", "0"}));
    tasks.spawn("exec", note(fixture.service.exec(std::move(options)), silent));
    fixture.fake.await_file(fixture, "waiting");
    CHECK(fixture.exec(web, "e2", {"exit", "0"}).error().message() == "OCI runtime exec failed: does not exist");
    open_gate(fixture);
    fixture.pump([&] { return silent.has_value(); });
    CHECK(silent->error().message() == "OCI runtime exec failed: " + exit_text(7));
}

TEST_CASE("a neighbour's error does not make a failed delete a success", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    fixture.fake.set_fault("delete",
                           R"({"fault": "await-then-silent", "await": ")" + gate(fixture) + R"(", "code": 7})");
    fixture.fake.set_fault("exec", R"({"fault": "error", "message": "container does not exist"})");
    std::optional<result<void>> removed;
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("delete", note(fixture.service.remove(web, remove_mode::normal), removed));
    fixture.fake.await_file(fixture, "waiting");
    CHECK_FALSE(fixture.exec(web, "e1", {"exit", "0"}));
    open_gate(fixture);
    fixture.pump([&] { return removed.has_value(); });
    REQUIRE_FALSE(*removed);
    CHECK(removed->error().message() == "failed to delete task: " + exit_text(7));
}

TEST_CASE("a missing container is gone for delete and not found for kill", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    CHECK(fixture.run(fixture.service.remove(web, remove_mode::normal)));
    CHECK(fixture.run(fixture.service.remove(web, remove_mode::force)));
    CHECK(fixture.run(fixture.service.kill_all(web)));
    auto failed = fixture.run(fixture.service.kill(web, SIGTERM, kill_scope::one));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(errc::not_found, "no such container"));
}

TEST_CASE("a dead init is a process that has already finished", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", {"exit", "0"});
    auto init = fixture.make_running(web);
    CHECK(fixture.run(init.wait()).value == 0);
    auto failed = fixture.run(fixture.service.kill(web, SIGTERM, kill_scope::one));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(errc::not_found, "process already finished"));
    CHECK(fixture.run(fixture.service.kill_all(web)));
}

TEST_CASE("kill's texts are mapped, whatever printed them", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    auto [text, expected] = GENERATE(
        table<std::string, std::string>({{"os: process already finished", "process already finished: not found"},
                                         {"container not running", "process already finished: not found"},
                                         {"No Such Process", "process already finished: not found"},
                                         {"container does not exist", "no such container: not found"},
                                         {"something else", ""}}));
    fixture.fake.set_fault("kill", R"({"fault": "stderr", "message": ")" + text + "\"}");
    auto failed = fixture.run(fixture.service.kill(web, SIGTERM, kill_scope::all));
    REQUIRE_FALSE(failed);
    auto other = "unknown error after kill: " + exit_text(1) + ": something else\n";
    CHECK(failed.error().message() == (expected.empty() ? other : expected));
}

TEST_CASE("an invalid signal is the runtime's to refuse", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    auto failed = fixture.run(fixture.service.kill(web, 1000, kill_scope::one));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().kind() == errc::unknown);
    CHECK(failed.error().message().starts_with("unknown error after kill: "));
}

TEST_CASE("delete of what runs fails and can be repeated", "[runc]") {
    runc_fixture fixture(runtime_dialect::runc);
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    CHECK(fixture.run(fixture.service.remove(web, remove_mode::normal)).error().message() ==
          "failed to delete task: cannot delete container web that is not stopped: running");
    CHECK(fixture.run(fixture.service.remove(web, remove_mode::force)));
    CHECK(fixture.run(init.wait()).value == 137);
}

TEST_CASE("a warning beside ps does not disturb it, nonsense does", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    fixture.fake.set_fault("ps", R"([{"fault": "warning"}, {"fault": "null"}, {"fault": "invalid"}])");
    CHECK(fixture.run(fixture.service.ps(web)).value() == std::vector<pid_t>{init.pid()});
    CHECK(fixture.run(fixture.service.ps(web)).value().empty());
    CHECK(fixture.run(fixture.service.ps(web)).error().message() == "ps: the runtime printed no list of pids");
}

TEST_CASE("ps, state and update report what the runtime said", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto text = "error opening file `" + fixture.fake.root() + "/web/status`: No such file or directory\n";
    CHECK(fixture.run(fixture.service.ps(web)).error().message() == exit_text(253) + ": " + text);
    CHECK(fixture.run(fixture.service.state(web)).error().message() == exit_text(1) + ": " + text);
    CHECK(fixture.run(fixture.service.update(web, "{}")).error().message() == exit_text(1) + ": " + text);
}

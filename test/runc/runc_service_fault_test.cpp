#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

#include "runc/runc_fixture.hpp"
#include "vminit/core/blocking.hpp"
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

TEST_CASE("a binary that cannot be run is the error", "[runc]") {
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

TEST_CASE("what create leaves behind is told by the pid file", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto [fault, before, after] = GENERATE(table<std::string, std::string, std::string>(
        {{R"({"fault": "no-pid-file"})", "open ", ": no such file or directory"},
         {R"({"fault": "pid-file", "content": ""})", "pid file ", ": empty"},
         {R"({"fault": "pid-file", "content": "123\n"})", "pid file ", ": invalid pid \"123\\n\""}}));
    REQUIRE(replace_file(web.bundle + "/init.pid", "1", 0600));  // stale: must not be believed
    fixture.fake.set_fault("create", fault);
    REQUIRE(fixture.create(web));
    auto path = runc_service::init_pid_file(web.bundle);
    auto pid = read_pid_file(path);
    REQUIRE_FALSE(pid);
    CHECK(pid.error().message() == before + path + after);
}

TEST_CASE("a process that ends early keeps its pid and status until it is adopted", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto fault = GENERATE(as<std::string>(), "early-exit", "exit-after-pid-file", "init-exits-after-create");
    auto status = GENERATE(0, 7, 137);
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("create", R"({"fault": ")" + fault + R"(", "status": )" + std::to_string(status) + "}");
    auto hold = fixture.reaper.hold();
    REQUIRE(fixture.create(web));
    auto init = fixture.adopt_init("web");
    hold.release();
    CHECK(fixture.run(init.wait()).value == status);
    CHECK_FALSE(fixture.start(web));
}

TEST_CASE("an exec that is already over is a success", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    fixture.fake.set_fault("exec", R"({"fault": "early-exit", "status": 7})");
    auto hold = fixture.reaper.hold();
    REQUIRE(fixture.exec(web, "e1", {"sleep", "1000"}));
    CHECK(fixture.run(fixture.adopt(web.bundle + "/e1.pid").wait()).value == 7);
}

TEST_CASE("init may end while start is under way", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_created(web);
    fixture.fake.set_fault("start", R"({"fault": "init-exits-during-start", "status": 9})");
    REQUIRE(fixture.start(web));
    CHECK(fixture.run(init.wait()).value == 9);
}

TEST_CASE("a runtime that hangs is killed with its helpers when its time is up", "[runc]") {
    manual_time time;
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("create", R"({"fault": "hang", "ignore_term": true, "helper": true})");
    std::optional<result<void>> outcome;
    auto creating = [](runc_service& service, runtime_ref container,
                       std::optional<result<void>>& out) -> awaitable<void> {
        auto done = co_await service.create(create_options(container));
        out.emplace(std::move(done));
    };
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("create", creating(fixture.service, web, outcome));
    fixture.fake.await_file(fixture, "hanging");
    fixture.fake.await_file(fixture, "helper");
    auto hold = fixture.reaper.hold();
    time.advance(59s);
    fixture.poll();
    CHECK_FALSE(outcome);
    time.advance(1s);
    fixture.pump([&] { return outcome.has_value(); });
    CHECK(outcome->error() == error(errc::deadline_exceeded, "OCI runtime create failed: " + fixture.fake.binary() +
                                                                 " did not finish within 60 s"));
    auto helper = fixture.reaper.adopt(std::stoi(read_file(fixture.fake.path("helper")).value()));
    REQUIRE(helper);
    CHECK(fixture.run(helper->wait()).value == 137);
}

TEST_CASE("a cancelled operation kills its runtime and says so", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("start", R"({"fault": "hang", "ignore_term": true})");
    std::optional<result<void>> outcome;
    auto starting = [](runc_service& service, runtime_ref container,
                       std::optional<result<void>>& out) -> awaitable<void> {
        auto done = co_await service.start(container);
        out.emplace(std::move(done));
    };
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("start", starting(fixture.service, web, outcome));
    auto pid = std::stoi(fixture.fake.await_file(fixture, "hanging"));
    tasks.stop();
    fixture.pump([&] { return outcome.has_value(); });
    CHECK(outcome->error() ==
          error(errc::cancelled, "OCI runtime start failed: " + fixture.fake.binary() + " was killed"));
    CHECK(::kill(pid, 0) == -1);
    fixture.run(tasks.join());
}

TEST_CASE("a helper that keeps the output does not keep the caller", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_created(web);
    fixture.fake.set_fault("start", R"({"fault": "hold-output"})");
    REQUIRE(fixture.start(web));
}

TEST_CASE("two operations on one container do not wait for each other", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    fixture.fake.set_fault("exec", R"({"fault": "hang"})");
    task_group tasks(fixture.ex(), fixture.log());
    auto executing = [](runc_service& service, exec_options options) -> awaitable<void> {
        co_await service.exec(std::move(options));
    };
    tasks.spawn("exec", executing(fixture.service, exec_options(web, "e1", fixture.fake.process_json({"exit", "0"}))));
    fixture.fake.await_file(fixture, "hanging");
    REQUIRE(fixture.run(fixture.service.kill(web, SIGKILL, kill_scope::one)));
    CHECK(fixture.run(init.wait()).value == 137);
    tasks.stop();
    fixture.run(tasks.join());
    CHECK(std::filesystem::is_empty(fixture.fake.temporary()));
}

TEST_CASE("a runtime does not outlive the daemon", "[runc]") {
    runc_fixture fixture;
    auto hold = fixture.reaper.hold();
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("create", R"({"fault": "hang", "ignore_term": true})");
    pid_t daemon = ::fork();
    if (daemon == 0) {
        asio::io_context own(1);
        auto& service = asio::make_service<runc_service>(own, fixture.fake.config());
        auto creating = [](runc_service& where, runtime_ref container) -> awaitable<void> {
            co_await where.create(create_options(container));
        };
        asio::co_spawn(own, creating(service, web), [](std::exception_ptr) {});
        own.run();
        ::_exit(1);
    }
    auto runtime = std::stoi(fixture.fake.await_file(fixture, "hanging"));
    REQUIRE(::kill(daemon, SIGKILL) == 0);
    auto dead = fixture.reaper.adopt(daemon);
    REQUIRE(dead);
    CHECK(fixture.run(dead->wait()).value == 137);
    auto orphan = fixture.reaper.adopt(runtime);
    REQUIRE(orphan);
    CHECK(fixture.run(orphan->wait()).value == 137);
}

TEST_CASE("a bundle on a disk that does not answer is given up after its limit", "[runc]") {
    runc_fixture fixture;
    manual_time time;
    auto web = fixture.fake.make_container("web", sleeper);
    auto path = runc_service::init_pid_file(web.bundle);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);  // as long as nobody writes, opening it hangs
    std::optional<result<pid_t>> outcome;
    auto read = [](runc_service& from, runtime_ref of, std::string file,
                   std::optional<result<pid_t>>& into) -> awaitable<void> {
        into.emplace(co_await from.read_pid(of.bundle, std::move(file)));
    };
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("read", read(fixture.service, web, path, outcome));
    auto& pool = asio::use_service<blocking_service>(fixture.ctx);
    while (pool.counters(blocking_lane::files).running == 0) fixture.poll();
    time.advance(time_limits().bundle - 1s);
    fixture.poll();
    CHECK_FALSE(outcome);
    time.advance(1s);
    fixture.poll();
    REQUIRE(outcome);
    CHECK(outcome->error().message() == "files of " + web.bundle + ": context deadline exceeded");
    CHECK(syscalls::open(path, O_WRONLY));  // lets the thread go
}

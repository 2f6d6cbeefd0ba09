// SPDX-License-Identifier: Apache-2.0
// What becomes of a run of the runtime: it ends early, hangs, is cancelled, keeps something open.
#include <fcntl.h>
#include <sys/stat.h>

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

}  // namespace

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

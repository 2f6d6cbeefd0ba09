// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/runc_service.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "runc/runc_fixture.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;

namespace {

const std::vector<std::string> sleeper = {"sleep", "1000"};

runtime_dialect any_dialect() { return GENERATE(runtime_dialect::crun, runtime_dialect::runc); }

}  // namespace

TEST_CASE("a container goes through its life", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_created(web);
    CHECK(fixture.run(fixture.service.state(web)).value().status == "created");
    REQUIRE(fixture.start(web));
    auto state = fixture.run(fixture.service.state(web)).value();
    CHECK(state.status == "running");
    CHECK(state.pid == init.pid());
    CHECK(state.id == "web");
    CHECK(state.bundle == web.bundle);

    auto hold = fixture.reaper.hold();
    REQUIRE(fixture.exec(web, "e1", {"sleep", "1000"}));
    auto exec = fixture.adopt(runc_service::exec_pid_file(web.bundle, "e1"));
    CHECK(fixture.run(fixture.service.ps(web)).value() == std::vector<pid_t>{init.pid(), exec.pid()});

    REQUIRE(fixture.run(fixture.service.pause(web)));
    CHECK(fixture.run(fixture.service.state(web)).value().status == "paused");
    REQUIRE(fixture.run(fixture.service.resume(web)));

    REQUIRE(fixture.run(fixture.service.kill(web, SIGTERM, kill_scope::one)));
    CHECK(fixture.run(init.wait()).value == 143);
    REQUIRE(fixture.run(fixture.service.kill_all(web)));
    CHECK(fixture.run(exec.wait()).value == 137);
    REQUIRE(fixture.run(fixture.service.remove(web, remove_mode::normal)));
    CHECK(fixture.service.running() == 0);
}

TEST_CASE("the runtime is invoked as it should be", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.make_running(web);
    auto call = fixture.fake.calls("create").at(0);
    CHECK(call["pgid"] == call["pid"]);  // a group of its own
    CHECK(call["cwd"] == boost::json::value(std::filesystem::current_path().string()));
    std::vector<std::string> argv;
    for (const auto& word : call["argv"].as_array()) argv.emplace_back(word.as_string());
    REQUIRE(argv.size() > 2);
    CHECK(argv.at(2).starts_with("/proc/" + std::to_string(::getpid()) + "/fd/"));
    CHECK(argv == std::vector<std::string>{fixture.fake.binary(), "--log", argv.at(2), "--log-format", "json", "--root",
                                           fixture.fake.root(), "--debug", "create", "--bundle", web.bundle,
                                           "--pid-file", web.bundle + "/init.pid", "web"});
    CHECK_FALSE(std::filesystem::exists(web.bundle + "/log.json"));
    const auto& fds = call["fds"].as_object();
    CHECK(fds.at("0") == "/dev/null");
    CHECK(fds.at("1") == "/dev/null");
    CHECK(fds.at("2") == "/dev/null");
    CHECK(fixture.fake.words_of(fixture.fake.calls("start").at(0)) == std::vector<std::string>{"start", "web"});
}

TEST_CASE("without a configured environment the runtime has ours without NOTIFY_SOCKET", "[runc]") {
    fake_runtime fake;
    ::setenv("NOTIFY_SOCKET", "/nowhere", 1);
    ::setenv("FAKE_DIR", fake.path("").c_str(), 1);
    io_fixture fixture;
    auto config = fake.config();
    config.env.reset();
    auto& service = asio::make_service<runc_service>(fixture.ctx, config);
    CHECK(fixture.run(service.version()).value() == "crun version 1.8.1");
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("FAKE_DIR");
    auto environment = fake.calls().at(0)["env"].as_object();
    CHECK_FALSE(environment.contains("NOTIFY_SOCKET"));
    CHECK(environment.contains("PATH"));
}

TEST_CASE("the binary comes from the environment or is crun", "[runc]") {
    ::unsetenv("SPINBOX_OCI_RUNTIME");
    ::unsetenv("XDG_RUNTIME_DIR");
    ::unsetenv("TMPDIR");
    CHECK(runc_config().binary == "/sbin/crun");
    CHECK(runc_config().root == "/run/runc");
    CHECK(runc_config().temp_directory == "/tmp");
    ::setenv("SPINBOX_OCI_RUNTIME", "", 1);
    CHECK(runc_config().binary == "/sbin/crun");
    ::setenv("SPINBOX_OCI_RUNTIME", "/bin/other", 1);
    ::setenv("TMPDIR", "/var/tmp", 1);
    CHECK(runc_config().binary == "/bin/other");
    CHECK(runc_config().temp_directory == "/var/tmp");
    ::setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
    CHECK(runc_config().temp_directory == "/run/user/0");
    for (const char* name : {"SPINBOX_OCI_RUNTIME", "XDG_RUNTIME_DIR", "TMPDIR"}) ::unsetenv(name);
}

TEST_CASE("a container has the descriptors that create was given", "[runc]") {
    runc_fixture fixture;
    auto input = syscalls::pipe().value();
    auto output = syscalls::pipe().value();
    create_options options(fixture.fake.make_container("web", {"cat", ";", "stderr", "end"}));
    options.stdio = stdio_fds(input.read_end.get(), output.write_end.get(), output.write_end.get());
    auto hold = fixture.reaper.hold();
    REQUIRE(fixture.run(fixture.service.create(options)));
    auto init = fixture.adopt_init("web");
    input.read_end.reset();
    output.write_end.reset();
    REQUIRE(fixture.start(options.container));
    REQUIRE(syscalls::write_all(input.write_end.get(), "hello ", "stdin"));
    input.write_end.reset();
    CHECK(fixture.run(init.wait()).value == 0);
    char buffer[64];
    std::string text;
    auto read_some = [&] { return ::read(output.read_end.get(), buffer, sizeof buffer); };
    while (auto count = syscalls::raw("read", read_some).value()) text.append(buffer, static_cast<std::size_t>(count));
    CHECK(text == "hello end\n");
}

TEST_CASE("exec hands over the process object in a private file and removes it", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    auto hold = fixture.reaper.hold();
    REQUIRE(fixture.exec(web, "e1", {"exit", "5"}));
    CHECK(fixture.run(fixture.adopt(web.bundle + "/e1.pid").wait()).value == 5);
    auto call = fixture.fake.calls("exec").at(0);
    CHECK(call["process"] == boost::json::value(fixture.fake.process_json({"exit", "5"}) + "\n"));
    CHECK(call["process_mode"] == "0o600");
    auto words = fixture.fake.words_of(call);
    auto file = words.at(2);
    CHECK(file.starts_with(fixture.fake.temporary() + "/runc-process"));
    CHECK(words ==
          std::vector<std::string>{"exec", "--process", file, "--detach", "--pid-file", web.bundle + "/e1.pid", "web"});
    CHECK(std::filesystem::is_empty(fixture.fake.temporary()));
}

TEST_CASE("the process file is removed when exec fails, too", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    CHECK_FALSE(fixture.exec(web, "e1", {"exit", "5"}));
    CHECK(std::filesystem::is_empty(fixture.fake.temporary()));
}

TEST_CASE("update passes the resources on stdin", "[runc]") {
    runc_fixture fixture(any_dialect());
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    REQUIRE(fixture.run(fixture.service.update(web, "{\"memory\":{\"limit\":1}}")));
    auto call = fixture.fake.calls("update").at(0);
    CHECK(call["stdin"] == "{\"memory\":{\"limit\":1}}\n");
    CHECK(fixture.fake.words_of(call) == std::vector<std::string>{"update", "--resources=-", "web"});
}

TEST_CASE("checkpoint is passed on", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    auto init = fixture.make_running(web);
    checkpoint_options options(web);
    options.image_path = fixture.fake.path("image");
    REQUIRE(fixture.run(fixture.service.checkpoint(options)));
    CHECK(fixture.run(init.wait()).value == 137);
}

TEST_CASE("a container's own root and binary are used", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    web.root = fixture.fake.path("other-root");
    auto init = fixture.make_running(web);
    CHECK(std::filesystem::exists(web.root + "/web/status"));
    web.binary = "vminit-no-such-runtime";
    CHECK(fixture.start(web).error().message() ==
          "OCI runtime start failed: exec: \"vminit-no-such-runtime\": executable file not found in $PATH");
    REQUIRE(::kill(init.pid(), SIGKILL) == 0);  // the fake runtime ends what is in its own root only
    CHECK(fixture.run(init.wait()).value == 137);
}

TEST_CASE("a stale pid file and runc's temporary do not get in the way", "[runc]") {
    runc_fixture fixture(runtime_dialect::runc);
    auto web = fixture.fake.make_container("web", sleeper);
    REQUIRE(replace_file(web.bundle + "/init.pid", "1", 0600));
    REQUIRE(replace_file(web.bundle + "/.init.pid", "", 0600));
    auto init = fixture.make_created(web);
    CHECK(init.pid() != 1);
}

TEST_CASE("the loop keeps turning while a runtime works", "[runc]") {
    runc_fixture fixture;
    auto web = fixture.fake.make_container("web", sleeper);
    fixture.fake.set_fault("create", R"({"fault": "hang"})");
    task_group tasks(fixture.ex(), fixture.log());
    auto creating = [](runc_service& service, runtime_ref container) -> awaitable<void> {
        co_await service.create(create_options(container));
    };
    tasks.spawn("create", creating(fixture.service, web));
    fixture.fake.await_file(fixture, "hanging");
    CHECK(fixture.service.running() == 1);
    CHECK(fixture.run(fixture.service.version()).value() == "crun version 1.8.1");  // another one, meanwhile
    tasks.stop();
    fixture.run(tasks.join());
    CHECK(fixture.service.running() == 0);
}

TEST_CASE("the features of the runtime are its own JSON, or it has none", "[runc]") {
    runc_fixture fixture;
    auto& service = fixture.service;
    CHECK(fixture.run(service.features()).value() == R"({"ociVersionMin": "1.0.0", "ociVersionMax": "1.1.0+dev"})");
    fixture.fake.set_fault("features", R"({"fault": "error", "message": "unknown command features"})");
    auto refused = fixture.run(service.features());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::not_implemented);
    fixture.fake.set_fault("features", R"({"fault": "killed", "signal": 9})");
    CHECK_FALSE(fixture.run(service.features()));
}

// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> files_in(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
}

struct failing {
    const char* fault;
    const char* message;  // begins with
};

}  // namespace

TEST_CASE("a create that fails leaves nothing behind", "[process]") {
    auto one = GENERATE(
        failing{R"({"fault": "error", "message": "no such thing"})", "OCI runtime create failed: no such thing"},
        failing{R"({"fault": "no-pid-file"})", "failed to retrieve OCI runtime container pid: "},
        failing{R"({"fault": "pid-file", "content": "0"})", "failed to retrieve OCI runtime container pid: "},
        failing{R"({"fault": "pid-file", "content": "1"})",
                "failed to retrieve OCI runtime container pid: pid 1 is no child of ours"},
        failing{R"({"fault": "killed", "signal": 11})", "OCI runtime create failed: "});
    process_fixture fixture;
    auto other = fixture.open_stream(99);  // what the stream service opens with its first stream stays open
    auto before = open_descriptors();
    auto out = fixture.read(fixture.open_stream(1));
    auto request = fixture.request("web", {"sleep", "1000"}, {"", "stream://1", "", false});
    auto files = files_in(request.bundle);
    fixture.fake.set_fault("create", one.fault);
    auto failed = fixture.run(fixture.processes.create(request));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message().find(one.message) == 0);
    fixture.pump([&] { return out->has_ended; });
    out->close();
    CHECK(fixture.heard.empty());
    CHECK(fixture.processes.container_count() == 0);
    CHECK(files_in(fixture.fake.root()).empty());
    CHECK(files_in(request.bundle) == files);
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    CHECK(open_descriptors() == before);
    // And the id is free.
    REQUIRE(fixture.create("web", {"exit", "0"}));
}

TEST_CASE("what a failing runtime says on stderr reaches the host, however much it is", "[process]") {
    process_fixture fixture;
    auto err = fixture.read(fixture.open_stream(2));
    fixture.fake.set_fault("create", R"({"fault": "flood-stderr", "bytes": 1048576})");
    CHECK_FALSE(fixture.create("web", {"sleep", "1000"}, {"", "", "stream://2", false}));
    fixture.pump([&] { return err->has_ended; });
    CHECK(err->text.size() >= 1048576);
}

TEST_CASE("stdio that cannot be opened is refused before the runtime runs", "[process]") {
    process_fixture fixture;
    const std::string prefix = "failed to create init process I/O: ";
    auto before = open_descriptors();
    CHECK(fixture.create("a", {"exit", "0"}, {"", "stream://7", "", false}).error().message() ==
          prefix + "failed to get stdout stream: unable to get stream 7: not found");
    CHECK(fixture.create("b", {"exit", "0"}, {"stream://8", "", "", false}).error().message() ==
          prefix + "failed to get stdin stream: unable to get stream 8: not found");
    CHECK(fixture.create("c", {"exit", "0"}, {"", "", "stream://x", false}).error().message() ==
          prefix + "stderr: stdio \"stream://x\": not a stream: invalid argument");
    CHECK(fixture.create("d", {"exit", "0"}, {"", "npipe://x", "", false}).error().message() ==
          prefix + "stdout: unsupported STDIO scheme npipe: not implemented");
    CHECK(fixture.create("e", {"exit", "0"}, {"", "/nonexistent/fifo", "", false}).error().kind() == errc::not_found);
    CHECK(fixture.create("f", {"exit", "0"}, {"", "/dev/null", "", false}).error().message() ==
          prefix + "failed to open stdout: /dev/null: not a fifo: invalid argument");
    CHECK(fixture.fake.calls("create").empty());
    CHECK(open_descriptors() == before);
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e", {"exit", "0"}, {"", "stream://9", "", false}));
    CHECK(fixture.start("web", "e").error().message() ==
          "failed to create exec process I/O: failed to get stdout stream: unable to get stream 9: not found");
}

TEST_CASE("streams that were claimed are closed when another of the three is missing", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    CHECK_FALSE(fixture.create("web", {"exit", "0"}, {"", "stream://1", "stream://2", false}));
    fixture.pump([&] { return out->has_ended; });
    CHECK(out->text.empty());
}

TEST_CASE("a create whose caller goes away is undone, its runtime killed", "[process]") {
    process_fixture fixture;
    auto before = open_descriptors();
    auto request = fixture.request("web", {"sleep", "1000"});
    fixture.fake.set_fault("create", R"({"fault": "hang"})");
    std::optional<result<std::uint32_t>> created;
    auto note = [](process_fixture& from, create_request wanted,
                   std::optional<result<std::uint32_t>>& outcome) -> awaitable<void> {
        outcome.emplace(co_await from.processes.create(std::move(wanted)));
    };
    auto callers = std::make_unique<task_group>(fixture.ex(), fixture.log());
    callers->spawn("create", note(fixture, request, created));
    fixture.fake.await_file(fixture, "hanging");
    callers->stop();
    fixture.pump([&] { return created.has_value(); });
    CHECK(created->error().kind() == errc::cancelled);
    fixture.pump([&] { return fixture.processes.container_count() == 0; });
    CHECK(fixture.runtime.running() == 0);
    CHECK(fixture.heard.empty());
    callers.reset();
    fixture.poll();
    CHECK(open_descriptors() == before);
}

TEST_CASE("a start whose caller goes away is finished all the same", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"exit", "6"}));
    fixture.fake.set_fault("start", R"({"fault": "slow", "ms": 100})");
    auto note = [](process_fixture& from) -> awaitable<void> { co_await from.processes.start("web", ""); };
    auto callers = std::make_unique<task_group>(fixture.ex(), fixture.log());
    callers->spawn("start", note(fixture));
    fixture.fake.await_calls(fixture, "start");
    callers->stop();
    fixture.await_event("/tasks/exit web 6");
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/exit web 6"});
}

TEST_CASE("the options of a container reach the runtime and its bundle", "[process]") {
    process_fixture fixture;
    auto request = fixture.request("web", {"exit", "0"});
    SECTION("none") {
        REQUIRE(fixture.run(fixture.processes.create(request)));
        CHECK(read_file(request.bundle + "/options.json").value() == "{}");
        auto words = fake_runtime::words_of(fixture.fake.calls("create").at(0));
        CHECK(std::count(words.begin(), words.end(), "--no-pivot") == 0);
    }
    SECTION("all") {
        request.options.no_pivot_root = true;
        request.options.no_new_keyring = true;
        request.options.io_uid = 5;
        request.options.io_gid = 6;
        request.options.root = fixture.fake.root() + "/other";
        request.options.shim_cgroup = "/shims";
        request.options.systemd_cgroup = true;
        request.options.criu_image_path = "/image";
        request.options.criu_work_path = "/work";
        REQUIRE(fixture.run(fixture.processes.create(request)));
        auto text = read_file(request.bundle + "/options.json").value();
        CHECK(text == R"({"no_pivot_root":true,"no_new_keyring":true,"shim_cgroup":"/shims","io_uid":5,"io_gid":6,)" +
                          (R"("root":")" + request.options.root) +
                          R"(","systemd_cgroup":true,"criu_image_path":"/image","criu_work_path":"/work"})");
        struct stat status{};
        REQUIRE(::stat((request.bundle + "/options.json").c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
        auto words = fake_runtime::words_of(fixture.fake.calls("create").at(0));
        CHECK(std::count(words.begin(), words.end(), "--no-pivot") == 1);
        // There is no systemd to ask.
        CHECK(std::count(words.begin(), words.end(), "--systemd-cgroup") == 0);
        CHECK(std::count(words.begin(), words.end(), "--no-new-keyring") == 1);
        CHECK(std::filesystem::exists(request.options.root + "/web"));
    }
    SECTION("a runtime that we have too") {
        auto own = fixture.fake.path("own-runtime");
        std::filesystem::create_symlink(fake_runtime::binary(), own);
        request.options.binary_name = own;
        REQUIRE(fixture.run(fixture.processes.create(request)));
        CHECK(fixture.fake.calls("create").at(0).at("argv").at(0) == boost::json::string(own));
        CHECK(read_file(request.bundle + "/options.json").value() == R"({"binary_name":")" + own + "\"}");
    }
    SECTION("a runtime of the host's") {
        request.options.binary_name = GENERATE("/opt/host/bin/runc", "host-runc");
        REQUIRE(fixture.run(fixture.processes.create(request)));
        CHECK(fixture.has_line("runtime of the request is not here"));
    }
}

TEST_CASE("why a program with a terminal cannot run is told in the runtime's words", "[process]") {
    process_fixture fixture;
    auto gate = fixture.fake.path("gate");
    REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
    const auto fault = R"({"fault": "console-then-error", "await": ")" + gate +
                       R"(", "message": "executable file `nosuch` not found"})";
    bool is_exec = GENERATE(false, true);
    if (is_exec) {
        fixture.run_container("web", {"sleep", "1000"});
        REQUIRE(fixture.add_exec("web", "e", {"nosuch"}, {"", "", "", true}));
    }
    fixture.fake.set_fault(is_exec ? "exec" : "create", fault);
    auto operation = is_exec ? fixture.processes.start("web", "e")
                             : fixture.processes.create(fixture.request("web", {"nosuch"}, {"", "", "", true}));
    std::optional<result<std::uint32_t>> outcome;
    auto note = [](awaitable<result<std::uint32_t>> call, std::optional<result<std::uint32_t>>& into) -> awaitable<void> {
        auto done = co_await std::move(call);
        into.emplace(std::move(done));
    };
    fixture.tasks->spawn("caller", note(std::move(operation), outcome));
    auto runtime = std::stoi(fixture.fake.await_file(fixture, "waiting"));
    fixture.poll();
    // It has closed its console and is still to say why.
    REQUIRE(::kill(runtime, 0) == 0);
    CHECK_FALSE(outcome);
    { REQUIRE(syscalls::open(gate, O_WRONLY)); }
    fixture.pump([&] { return outcome.has_value(); });
    CHECK(outcome->error() ==
          error(errc::unknown, std::string("OCI runtime ") + (is_exec ? "exec" : "create") +
                                   " failed: executable file `nosuch` not found"));
}

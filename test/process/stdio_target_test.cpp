// SPDX-License-Identifier: Apache-2.0
// Standard streams that are fifos, files and loggers.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <thread>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

std::string make_fifo(process_fixture& fixture, const std::string& name) {
    auto path = fixture.fake.path(name);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    return path;
}

std::shared_ptr<host_stream> open_fifo(process_fixture& fixture, const std::string& path, int flags) {
    return std::make_shared<host_stream>(fixture.ex(), syscalls::open(path, flags | O_NONBLOCK).value());
}

}  // namespace

TEST_CASE("fifos are read and written, and their readers may come and go", "[process]") {
    process_fixture fixture;
    auto in_path = make_fifo(fixture, "in");
    auto out_path = make_fifo(fixture, "out");
    fixture.run_container("web", {"cat"}, {in_path, out_path, "", false});
    auto in = open_fifo(fixture, in_path, O_WRONLY);
    {
        auto out = fixture.read(open_fifo(fixture, out_path, O_RDONLY));
        in->write("one");
        fixture.pump([&] { return out->text == "one"; });
        out->close();
        fixture.poll();
    }
    in->write("two");
    auto again = fixture.read(open_fifo(fixture, out_path, O_RDONLY));
    fixture.pump([&] { return again->text == "two"; });
    // Another writer may come later: only CloseIO ends it.
    in->close();
    fixture.poll();
    CHECK(fixture.status("web") == process_status::running);
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return again->has_ended; });
}

TEST_CASE("a file is made with its directories and appended to", "[process]") {
    process_fixture fixture;
    auto path = fixture.fake.path("logs/deep/web.log");
    for (auto text : {"one", "two"}) {
        fixture.run_container("web", {"echo", text, ";", "stderr", "and"},
                              {"", "file://" + path, "file://" + path, false});
        REQUIRE(fixture.wait("web"));
        REQUIRE(fixture.remove("web"));
    }
    CHECK(read_file(path).value() == "one\nand\ntwo\nand\n");
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
}

namespace {

std::shared_future<void>* stalled_disk = nullptr;
std::atomic<int> hung_calls = 0;

int hang_in_mkdir(std::string_view name) {
    if (name != "mkdir") return 0;
    ++hung_calls;
    stalled_disk->wait();
    return 0;
}

}  // namespace

TEST_CASE("a file on a disk that stalls holds up its own process only", "[process]") {
    process_fixture fixture;
    bool is_terminal = GENERATE(false, true);
    auto path = fixture.fake.bundle("web") + "/new/log";
    stdio_uris stdio{"", "file://" + path, "", is_terminal};
    auto request = fixture.request("web", {"echo", "both"}, stdio);
    REQUIRE(fixture.create("other", {"exit", "3"}));
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    stalled_disk = &passed;
    hung_calls = 0;
    syscalls::set_fault_hook(hang_in_mkdir);
    std::optional<result<std::uint32_t>> outcome;
    auto create = [](process_fixture& from, create_request what,
                     std::optional<result<std::uint32_t>>& out) -> awaitable<void> {
        auto done = co_await from.processes.create(std::move(what));
        out.emplace(std::move(done));
    };
    fixture.tasks->spawn("create", create(fixture, std::move(request), outcome));
    fixture.poll();
    while (hung_calls == 0) fixture.poll();
    REQUIRE(fixture.start("other"));
    CHECK(fixture.wait("other")->status == 3);
    CHECK_FALSE(outcome);
    gate.set_value();
    fixture.pump([&] { return outcome.has_value(); });
    syscalls::set_fault_hook(nullptr);
    REQUIRE(*outcome);
    REQUIRE(fixture.start("web"));
    CHECK(fixture.wait("web"));
    // All of it is there once the exit is told.
    CHECK(read_file(path).value() == (is_terminal ? "both\r\n" : "both\n"));
}

TEST_CASE("a logger gets both outputs, its arguments and nothing of our environment", "[process]") {
    process_fixture fixture;
    auto directory = fixture.fake.path("logger");
    REQUIRE(make_directories(directory, 0755));
    auto script = directory + "/log.sh";
    REQUIRE(replace_file(script,
                         "#!/bin/sh\nd=" + directory +
                             "\nenv | sort > $d/env\necho \"$@\" > $d/args\necho r >&5\nexec 5>&-\n"
                             "cat <&3 > $d/out\ncat <&4 > $d/err\ntouch $d/done\n",
                         0755));
    auto uri = "binary://" + script + "?b=2&a=1";
    fixture.run_container("web", {"echo", "to the log", ";", "stderr", "and this"}, {"", uri, uri, false});
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    CHECK(read_file(directory + "/out").value() == "to the log\n");
    CHECK(read_file(directory + "/err").value() == "and this\n");
    CHECK(read_file(directory + "/args").value() == "b 2 a 1\n");
    auto environment = read_file(directory + "/env").value();
    CHECK(environment.find("CONTAINER_ID=web\n") != std::string::npos);
    CHECK(environment.find("CONTAINER_NAMESPACE=default\n") != std::string::npos);
    CHECK(environment.find("HOME=") == std::string::npos);
}

TEST_CASE("a logger that cannot start or is not ready fails the create", "[process][vfork]") {
    process_fixture fixture;
    CHECK(fixture.create("a", {"exit", "0"}, {"", "binary:///nonexistent", "", false}).error().kind() ==
          errc::not_found);
    auto script = fixture.fake.path("never.sh");
    REQUIRE(replace_file(script, "#!/bin/sh\nexit 1\n", 0755));
    CHECK(fixture.create("b", {"exit", "0"}, {"", "binary-v2://" + script, "", false}).error().message() ==
          "failed to create init process I/O: logger did not say that it is ready: failed precondition");
    CHECK(fixture.fake.calls("create").empty());
}

TEST_CASE("a logger that ignores the end and SIGTERM is killed in the end", "[process]") {
    process_fixture fixture;
    auto script = fixture.fake.path("stubborn.sh");
    REQUIRE(replace_file(script, "#!/bin/sh\ntrap '' TERM\nexec 5>&-\nwhile :; do read x < /dev/zero; done\n", 0755));
    fixture.run_container("web", {"exit", "0"}, {"", "binary://" + script, "", false});
    REQUIRE(fixture.wait("web"));
    manual_time time(clock::now());
    REQUIRE(fixture.remove("web"));
    CHECK(fixture.reaper.counters().known == 1);
    fixture.poll();
    time.advance(2s);
    fixture.poll();
    time.advance(12s);
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
}

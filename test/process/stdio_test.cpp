// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "process/process_fixture.hpp"
#include "process/stdio_end.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;
using namespace std::chrono_literals;

TEST_CASE("16 MiB arrive byte for byte although Delete follows at once", "[process]") {
    process_fixture fixture;
    auto other = fixture.open_stream(99);
    auto before = open_descriptors();
    constexpr std::size_t size = 16 << 20;
    {
        auto out = fixture.read(fixture.open_stream(1));
        auto err = fixture.read(fixture.open_stream(2));
        fixture.run_container("web", {"write", std::to_string(size), ";", "stderr", "done"},
                              {"", "stream://1", "stream://2", false});
        REQUIRE(fixture.wait("web"));
        REQUIRE(fixture.remove("web"));
        fixture.pump([&] { return out->has_ended && err->has_ended; });
        CHECK(out->text.size() == size);
        CHECK(out->text == std::string(size, 'x'));
        CHECK(err->text == "done\n");
        out->close();
        err->close();
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("an exec's output is complete before its exit is told", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    constexpr std::size_t size = 16 << 20;
    auto out = fixture.read(fixture.open_stream(1));
    REQUIRE(fixture.add_exec("web", "e", {"write", std::to_string(size)}, {"", "stream://1", "", false}));
    REQUIRE(fixture.start("web", "e"));
    REQUIRE(fixture.wait("web", "e"));
    REQUIRE(fixture.remove("web", "e"));
    fixture.pump([&] { return out->has_ended; });
    CHECK(out->text.size() == size);
}

TEST_CASE("a host that does not read one output has all of another", "[process]") {
    process_fixture fixture;
    auto silent = fixture.open_stream(1);
    auto working = fixture.read(fixture.open_stream(2));
    constexpr std::size_t size = 4 << 20;
    fixture.run_container("stuck", {"write", std::to_string(size)}, {"", "stream://1", "", false});
    fixture.run_container("quick", {"write", std::to_string(size)}, {"", "stream://2", "", false});
    REQUIRE(fixture.wait("quick"));
    REQUIRE(fixture.remove("quick"));
    fixture.pump([&] { return working->has_ended; });
    CHECK(working->text.size() == size);
    CHECK(fixture.status("stuck") == process_status::running);
    fixture.read(silent);
    REQUIRE(fixture.wait("stuck"));
    fixture.pump([&] { return silent->has_ended; });
    CHECK(silent->text.size() == size);
}

TEST_CASE("a host that never reads delays the exit by two seconds, and then has all of it", "[process]") {
    process_fixture fixture;
    auto silent = fixture.open_stream(1);
    // More than a socket's buffer, less than it and a pipe's.
    constexpr std::size_t size = 256 << 10;
    fixture.run_container("web", {"write", std::to_string(size)}, {"", "stream://1", "", false});
    manual_time time(clock::now());
    std::optional<result<process_exit>> waited;
    auto note = [](process_fixture& from, std::optional<result<process_exit>>& outcome) -> awaitable<void> {
        outcome.emplace(co_await from.processes.wait("web", ""));
    };
    fixture.tasks->spawn("wait", note(fixture, waited));
    // init is dead and what was left is killed: only the output is waited for.
    fixture.fake.await_calls(fixture, "kill");
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    fixture.poll();
    CHECK_FALSE(waited);
    CHECK(fixture.heard.back() == "/tasks/start web");
    time.advance(2s);
    fixture.pump([&] { return waited.has_value(); });
    CHECK(fixture.heard.back() == "/tasks/exit web 0");
    fixture.read(silent);
    fixture.pump([&] { return silent->has_ended; });
    CHECK(silent->text.size() == size);
}

TEST_CASE("a process writes its output to a wide pipe", "[process]") {
    process_fixture fixture;
    auto out = fixture.open_stream(1);
    auto wide_pipes = [] {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            if (::fcntl(std::stoi(entry.path().filename()), F_GETPIPE_SZ) == stdio_end::pipe_capacity) ++count;
        }
        return count;
    };
    auto before = wide_pipes();
    fixture.run_container("web", {"sleep", "1000"}, {"", "stream://1", "", false});
    CHECK(wide_pipes() == before + 1);
}

TEST_CASE("a descendant that keeps the output open delays the exit by two seconds", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e", {"echo", "mine", ";", "grandchild", "sleep", "1000"},
                             {"", "stream://1", "", false}));
    manual_time time(clock::now());
    REQUIRE(fixture.start("web", "e"));
    fixture.pump([&] { return out->text == "mine\n" && fixture.reaper.counters().known == 1; });
    fixture.poll();
    CHECK(fixture.status("web", "e") == process_status::running);
    CHECK_FALSE(out->has_ended);
    time.advance(2s);
    fixture.pump([&] { return out->has_ended; });
    CHECK(fixture.wait("web", "e").value().status == 0);
    REQUIRE(fixture.remove("web", "e"));
}

TEST_CASE("stdin is copied, also what came before the process", "[process]") {
    process_fixture fixture;
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    in->write("early ");
    REQUIRE(fixture.create("web", {"cat"}, {"stream://1", "stream://2", "", false}));
    REQUIRE(fixture.start("web"));
    in->write("late");
    fixture.pump([&] { return out->text == "early late"; });
    SECTION("until the host closes it") { in->close(); }
    SECTION("until CloseIO") {
        REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
        REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    }
    CHECK(fixture.wait("web").value().status == 0);
    CHECK(out->text == "early late");
}

TEST_CASE("what was sent before CloseIO reaches the process", "[process]") {
    process_fixture fixture;
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    fixture.run_container("web", {"count"}, {"stream://1", "stream://2", "", false});
    constexpr std::size_t size = 3 << 20;
    std::size_t sent = 0;
    auto send = [](std::shared_ptr<host_stream> host, std::size_t& count) -> awaitable<void> {
        std::string block(size, 'y');
        count = co_await asio::async_write(host->descriptor, asio::buffer(block), use_awaitable);
    };
    fixture.tasks->spawn("host", send(in, sent));
    fixture.pump([&] { return sent == size; });
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    REQUIRE(fixture.wait("web"));
    CHECK(out->text == std::to_string(size) + "\n");
}

TEST_CASE("CloseIO without stdin is success", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e", {"exit", "0"}));
    CHECK(fixture.run(fixture.processes.close_io("web", "")));
    CHECK(fixture.run(fixture.processes.close_io("web", "e")));
}

TEST_CASE("unused stdio is the null device, which takes and gives", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"cat", ";", "echo", "nothing", ";", "stderr", "nothing", ";", "exit", "0"});
    CHECK(fixture.wait("web").value().status == 0);
    auto fds = fixture.fake.calls("create").at(0).at("fds").as_object();
    for (auto number : {"0", "1", "2"}) CHECK(fds.at(number) == "/dev/null");
}

TEST_CASE("two outputs of one name go through one pipe, in the order they were written", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    fixture.run_container("web", {"echo", "1", ";", "stderr", "2", ";", "echo", "3", ";", "stderr", "4"},
                          {"", "stream://1", "stream://1", false});
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
    fixture.pump([&] { return out->has_ended; });
    CHECK(out->text == "1\n2\n3\n4\n");
}

TEST_CASE("one stream may be stdin and stdout", "[process]") {
    process_fixture fixture;
    auto both = fixture.read(fixture.open_stream(1));
    fixture.run_container("web", {"cat"}, {"stream://1", "stream://1", "", false});
    both->write("echo");
    fixture.pump([&] { return both->text == "echo"; });
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return both->has_ended; });
}

TEST_CASE("streams are closed at Delete, not before", "[process]") {
    process_fixture fixture;
    auto in = fixture.read(fixture.open_stream(1));
    fixture.run_container("web", {"exit", "0"}, {"stream://1", "", "", false});
    REQUIRE(fixture.wait("web"));
    fixture.poll();
    CHECK_FALSE(in->has_ended);
    REQUIRE(fixture.remove("web"));
    fixture.pump([&] { return in->has_ended; });
}

TEST_CASE("a terminal is one master both ways, and its end is the process's", "[process]") {
    process_fixture fixture(process_options{GENERATE(runtime_dialect::crun, runtime_dialect::runc), {}});
    auto other = fixture.open_stream(99);
    auto before = open_descriptors();
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    auto go = fixture.fake.path("go");
    REQUIRE(::mkfifo(go.c_str(), 0600) == 0);
    REQUIRE(fixture.create("web", {"await", go, ";", "tty"}, {"stream://1", "stream://2", "", true}));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.run(fixture.processes.resize("web", "", 132, 43)));
    CHECK(fixture.run(fixture.processes.resize("web", "", 65536, 1)).error().kind() == errc::invalid_argument);
    {
        auto opened = syscalls::open(go, O_WRONLY).value();
    }
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return out->has_ended; });
    CHECK(out->text == "1 132 43\r\n");
    CHECK(fixture.run(fixture.processes.resize("web", "", 80, 24)));
    REQUIRE(fixture.remove("web"));
    fixture.poll();
    in->close();
    out->close();
    CHECK(open_descriptors() == before);
}

TEST_CASE("what is typed reaches a process with a terminal", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    REQUIRE(fixture.add_exec("web", "e", {"cat"}, {"stream://1", "stream://2", "", true}));
    REQUIRE(fixture.start("web", "e"));
    in->write("hello\r");
    fixture.pump([&] { return out->text == "hello\r\nhello\r\n"; });
    in->write("\x04");
    CHECK(fixture.wait("web", "e").value().status == 0);
    fixture.pump([&] { return out->has_ended; });
    CHECK(fixture.run(fixture.processes.resize("web", "e", 1, 1)).error().message() ==
          "cannot resize a stopped container: failed precondition");
}

TEST_CASE("a process with a terminal that nobody reads runs to its end", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"write", "200000"}, {"", "", "", true});
    CHECK(fixture.wait("web").value().status == 0);
    REQUIRE(fixture.remove("web"));
}

TEST_CASE("a terminal that does not come fails the create and leaves nothing", "[process]") {
    auto fault = GENERATE(as<std::string>(), R"({"fault": "console-none"})", R"({"fault": "console-empty"})",
                          R"({"fault": "console-fds", "count": 2})", R"({"fault": "console-not-tty"})",
                          R"({"fault": "error", "message": "no"})");
    process_fixture fixture;
    auto other = fixture.open_stream(99);
    auto before = open_descriptors();
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    fixture.fake.set_fault("create", fault);
    CHECK_FALSE(fixture.create("web", {"sleep", "1000"}, {"stream://1", "stream://2", "", true}));
    fixture.pump([&] { return out->has_ended; });
    in->close();
    out->close();
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    CHECK(open_descriptors() == before);
    CHECK(fixture.fake.calls("delete").size() == 1);
    CHECK(std::filesystem::is_empty(fixture.fake.root()));
}

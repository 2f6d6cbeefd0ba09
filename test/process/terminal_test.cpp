// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

TEST_CASE("a terminal's output may go to a file", "[process]") {
    process_fixture fixture;
    auto path = fixture.fake.path("logs/tty.log");
    auto before = open_descriptors();
    fixture.run_container("web", {"tty", ";", "stderr", "both"}, {"", "file://" + path, "", true});
    REQUIRE(fixture.wait("web"));
    CHECK(read_file(path).value() == "1 0 0\r\nboth\r\n");
    REQUIRE(fixture.remove("web"));
    fixture.poll();
    CHECK(open_descriptors() == before);
}

TEST_CASE("a terminal's output may go to a fifo and its input come from one", "[process]") {
    process_fixture fixture;
    auto in_path = fixture.fake.path("in");
    auto out_path = fixture.fake.path("out");
    REQUIRE(::mkfifo(in_path.c_str(), 0600) == 0);
    REQUIRE(::mkfifo(out_path.c_str(), 0600) == 0);
    fixture.run_container("web", {"cat"}, {in_path, out_path, "", true});
    auto open = [&](const std::string& path, int flags) {
        return std::make_shared<host_stream>(fixture.ex(), syscalls::open(path, flags | O_NONBLOCK).value());
    };
    auto out = fixture.read(open(out_path, O_RDONLY));
    auto in = open(in_path, O_WRONLY);
    in->write("typed\r");
    fixture.pump([&] { return out->text == "typed\r\ntyped\r\n"; });
    in->write("\x04");
    CHECK(fixture.wait("web").value().status == 0);
    fixture.pump([&] { return out->has_ended; });
}

TEST_CASE("a terminal's output may go to a logger", "[process]") {
    process_fixture fixture;
    auto log = fixture.fake.path("log");
    auto script = fixture.fake.path("log.sh");
    REQUIRE(replace_file(script, "#!/bin/sh\necho ready >&5\nexec cat <&3 > " + log + "\n", 0755));
    fixture.run_container("web", {"echo", "shown"}, {"", "binary-v2://" + script, "", true});
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    CHECK(read_file(log).value() == "shown\r\n");
}

TEST_CASE("a terminal's stderr is not used, whatever it names", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    fixture.run_container("web", {"stderr", "shown"}, {"", "stream://1", "stream://no-number", true});
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return out->has_ended; });
    CHECK(out->text == "shown\r\n");
}

TEST_CASE("containers are bounded", "[process]") {
    process_options options;
    std::size_t asked = 0;
    auto until_cancelled = [](std::size_t& count) -> awaitable<result<std::string>> {
        ++count;
        timer never(co_await asio::this_coro::executor, clock::time_point::max());
        co_await never.async_wait(use_awaitable);
        co_return error(errc::not_found, "device");
    };
    options.config.resolve_serial = [&](std::string) { return until_cancelled(asked); };
    process_fixture fixture(std::move(options));
    auto request = fixture.request("web", {"exit", "0"});
    request.rootfs.emplace_back("ext4", "serial:x", "", std::vector<std::string>{});
    auto create = [](process_fixture& from, create_request wanted) -> awaitable<void> {
        co_await from.processes.create(std::move(wanted));
    };
    for (std::size_t i = 0; i < process_service::max_containers; ++i) {
        request.id = "c" + std::to_string(i);
        request.bundle = fixture.fake.bundle(request.id);
        REQUIRE(make_directories(request.bundle, 0755));
        fixture.tasks->spawn("create", create(fixture, request));
    }
    fixture.poll();
    CHECK(fixture.processes.container_count() == process_service::max_containers);
    request.id = "more";
    request.bundle = fixture.fake.bundle("more");
    CHECK(fixture.run(fixture.processes.create(request)).error().message() ==
          "too many containers: resource exhausted");
    // Each writes into its bundle first, off the loop.
    fixture.pump([&] { return asked == process_service::max_containers; });
}

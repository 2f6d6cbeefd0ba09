// SPDX-License-Identifier: Apache-2.0
#include "supervisor/output_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using supervisor::output_log;

namespace {

constexpr std::size_t limit = std::size_t{1} << 20;

struct log_fixture : test::io_fixture {
    output_log open(std::size_t file_limit = limit) {
        return output_log(ctx, "agent", directory.path("log"), file_limit);
    }

    void print(const output_log& output, std::string_view text) {
        REQUIRE(syscalls::write_all(output.writer(), text, "output"));
    }

    // What has been printed is in the file when this returns.
    void finish(output_log& output) {
        output.finish();
        pump([&] { return tasks.size() == 0; });
    }

    std::string logged() { return read_file(directory.path("log")).value(); }

    test::temporary_directory directory;
    task_group tasks{ex(), log()};
};

// The threads of the pool's lane wait until it is destroyed, so that a write to a log has to queue behind them.
class busy_pool {
public:
    explicit busy_pool(log_fixture& io) : gate_(std::make_shared<syscalls::pipe_pair>(syscalls::pipe().value())) {
        auto& pool = asio::use_service<blocking_service>(io.ctx);
        for (std::size_t i = 0; i < blocking_service::max_active(blocking_lane::files); ++i)
            io.tasks.spawn("blocker", block(pool, gate_));
        io.poll();
    }
    ~busy_pool() { gate_->write_end.reset(); }

private:
    static awaitable<void> block(blocking_service& pool, std::shared_ptr<syscalls::pipe_pair> gate) {
        auto job = [gate]() -> result<long> {
            char byte;
            return syscalls::check("read", "gate", [&] { return ::read(gate->read_end.get(), &byte, 1); });
        };
        auto outcome = co_await pool.run(blocking_lane::files, job);
        CHECK(outcome.value() == 0);
    }

    std::shared_ptr<syscalls::pipe_pair> gate_;
};

}  // namespace

TEST_CASE_METHOD(log_fixture, "what is printed reaches the log file byte for byte", "[supervisor]") {
    auto output = open();
    REQUIRE(output.open(tasks));
    print(output, "ready\n");
    pump([&] { return read_file(directory.path("log")).has_value() && logged() == "ready\n"; });
    print(output, std::string("binary \0\xff\r\n", 11));
    finish(output);
    CHECK(logged() == std::string("ready\nbinary \0\xff\r\n", 17));
    CHECK(output.dropped() == 0);
}

TEST_CASE_METHOD(log_fixture, "opening twice keeps the pipe, without a path there is none", "[supervisor]") {
    auto output = open();
    CHECK(output.writer() == -1);
    REQUIRE(output.open(tasks));
    int writer = output.writer();
    CHECK(writer >= 0);
    CHECK((::fcntl(writer, F_GETFL) & O_NONBLOCK) == 0);
    REQUIRE(output.open(tasks));
    CHECK(output.writer() == writer);
    finish(output);

    output_log none(ctx, "agent", "", limit);
    REQUIRE(none.open(tasks));
    CHECK(none.writer() == -1);
    CHECK(tasks.size() == 0);
}

TEST_CASE_METHOD(log_fixture, "a printer is never held up: what the disk is too slow for is dropped and counted",
                 "[supervisor]") {
    auto output = open();
    REQUIRE(output.open(tasks));
    constexpr std::size_t pipeful = output_log::max_pending;
    {
        busy_pool busy(*this);
        // The first pipeful goes to the queued write, the second is kept, the rest has no place.
        for (char mark : {'a', 'b', 'c', 'd'}) {
            print(output, std::string(pipeful, mark));
            poll();
        }
        CHECK(output.dropped() == 2 * pipeful);
    }
    finish(output);
    CHECK(logged() == std::string(pipeful, 'a') + std::string(pipeful, 'b') + "\n[131072 bytes of output lost]\n");
    CHECK(output.dropped() == 2 * pipeful);
    CHECK(has_line("warn  service output lost service=agent bytes=131072"));
}

TEST_CASE_METHOD(log_fixture, "however much is printed, two files of the limit are all there is", "[supervisor]") {
    auto output = open(4096);
    REQUIRE(output.open(tasks));
    std::string line(1000, 'x');
    for (int i = 0; i < 50; ++i) {
        print(output, line + std::to_string(i % 10));
        poll();
    }
    finish(output);
    CHECK(directory.entries() == std::vector<std::string>{"log", "log.1"});
    CHECK(logged().size() <= 4096);
    CHECK(read_file(directory.path("log.1")).value().size() <= 4096);
}

TEST_CASE_METHOD(log_fixture, "a log that cannot be written is told once and costs only the output", "[supervisor]") {
    auto output = open();
    REQUIRE(output.open(tasks));
    REQUIRE(::mkdir(directory.path("log").c_str(), 0755) == 0);
    for (std::uint64_t printed : {5u, 10u}) {
        print(output, "lost\n");
        pump([&] { return output.dropped() == printed; });
    }
    std::string warning =
        "warn  service output not written service=agent error=\"open " + directory.path("log") + ": Is a directory\"";
    CHECK(std::count(lines.begin(), lines.end(), warning) == 1);
    REQUIRE(::rmdir(directory.path("log").c_str()) == 0);
    print(output, "kept\n");
    finish(output);
    CHECK(logged() == "kept\n");
    CHECK(output.dropped() == 10);
}

TEST_CASE_METHOD(log_fixture, "after the end a process left behind gets an error instead of waiting", "[supervisor]") {
    auto output = open();
    REQUIRE(output.open(tasks));
    unique_fd leftover(::dup(output.writer()));
    print(output, "last words\n");
    finish(output);
    CHECK(logged() == "last words\n");
    // POLLERR on a write end: nobody reads any more (poll(2)).
    pollfd entry{leftover.get(), POLLOUT, 0};
    REQUIRE(::poll(&entry, 1, 0) == 1);
    CHECK((entry.revents & POLLERR) != 0);
}

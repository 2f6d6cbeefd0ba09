#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "process/input_pump.hpp"
#include "process/output_pump.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/transport.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace std::chrono_literals;

namespace {

/// A pump between a pipe (the process's) and a socket (the host's), with everything under the test's hand.
struct pump_fixture : test::io_fixture {
    pump_fixture() {
        auto pair = ttrpc::connected_pair(ex()).value();
        error_code ignored;
        ours = stdio_end::adopt(ex(), unique_fd(pair.first.release(ignored)), end_kind::socket).value();
        host = std::move(pair.second);
    }
    ~pump_fixture() { tasks.reset(); }

    std::shared_ptr<output_pump> start_output() {
        auto source = stdio_end::adopt(ex(), std::move(pipe.read_end), end_kind::pipe).value();
        auto pump = std::make_shared<output_pump>(ex(), log(), "web", source, ours, buffer, 2s);
        tasks->spawn("output", pump->run());
        poll();
        return pump;
    }
    std::shared_ptr<input_pump> start_input() {
        auto target = stdio_end::adopt(ex(), std::move(pipe.write_end), end_kind::pipe).value();
        auto pump = std::make_shared<input_pump>(ex(), ours, target, buffer, 100ms);
        tasks->spawn("input", pump->run());
        poll();
        return pump;
    }
    void drain(const std::shared_ptr<output_pump>& pump, bool& is_drained) {
        auto note = [](std::shared_ptr<output_pump> which, bool& flag) -> awaitable<void> {
            co_await which->drain();
            flag = true;
        };
        tasks->spawn("drain", note(pump, is_drained));
        poll();
    }

    /// As the process writes. Never blocks: returns what did not fit.
    std::size_t write(std::size_t size, char byte = 'x') {
        std::string bytes(size, byte);
        ::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK);
        auto count = ::write(pipe.write_end.get(), bytes.data(), size);
        return size - (count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    std::string read(int fd, std::size_t limit = 1 << 20) {
        std::string bytes(limit, ' ');
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        auto count = ::read(fd, bytes.data(), limit);
        if (count < 0) return "(nothing)";
        return count == 0 ? "(end)" : bytes.substr(0, static_cast<std::size_t>(count));
    }
    std::string host_read(std::size_t limit = 1 << 20) { return read(host.get(), limit); }

    manual_time time;
    syscalls::pipe_pair pipe = syscalls::pipe().value();
    std::shared_ptr<stdio_end> ours;
    unique_fd host;
    std::shared_ptr<copy_buffer> buffer = std::make_shared<copy_buffer>();
    std::unique_ptr<task_group> tasks = std::make_unique<task_group>(ex(), log());
};

}  // namespace

TEST_CASE_METHOD(pump_fixture, "output reaches the host, then its end by closing the stream", "[process]") {
    auto pump = start_output();
    write(5);
    poll();
    CHECK(host_read() == "xxxxx");
    CHECK(host_read() == "(nothing)");
    write(3);
    pipe.write_end.reset();
    poll();
    CHECK(pump->is_delivered());
    CHECK(host_read() == "xxx");
    CHECK(host_read() == "(end)");
    CHECK_FALSE(ours->is_open());
}

TEST_CASE_METHOD(pump_fixture, "an idle output costs no turn of the loop", "[process]") {
    start_output();
    ctx.restart();
    CHECK(ctx.poll() == 0);
    write(5);
    poll();
    host_read();
    ctx.restart();
    CHECK(ctx.poll() == 0);
}

TEST_CASE_METHOD(pump_fixture, "a host that does not read stops the process, not the loop", "[process]") {
    auto pump = start_output();
    std::size_t written = 0;
    for (int i = 0; i < 1000; ++i) {
        auto left = write(65536);
        written += 65536 - left;
        poll();
        if (left == 65536) break;
    }
    CHECK(write(1) == 1);
    CHECK(written < 1 << 20);
    poll();
    ctx.restart();
    CHECK(ctx.poll() == 0);
    pipe.write_end.reset();
    std::size_t received = 0;
    while (!pump->is_delivered()) {
        auto text = host_read();
        if (text != "(nothing)") received += text.size();
        poll();
    }
    for (auto text = host_read(); text != "(end)"; text = host_read()) received += text.size();
    CHECK(received == written);
}

TEST_CASE_METHOD(pump_fixture, "after an exit the drain ends with the output", "[process]") {
    auto pump = start_output();
    write(100);
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    CHECK_FALSE(is_drained);
    pipe.write_end.reset();
    poll();
    CHECK(is_drained);
    CHECK(host_read() == std::string(100, 'x'));
    CHECK(host_read() == "(end)");
}

TEST_CASE_METHOD(pump_fixture, "descendants that hold the pipe have two seconds; then the output is over",
                 "[process]") {
    auto pump = start_output();
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    time.advance(1s);
    write(1);
    poll();
    CHECK(host_read() == "x");
    time.advance(1s - 1ns);
    poll();
    CHECK_FALSE(is_drained);
    CHECK(host_read() == "(nothing)");
    time.advance(1ns);
    poll();
    CHECK(is_drained);
    CHECK(pump->is_delivered());
    CHECK(host_read() == "(end)");
    // They do not die of a broken pipe before Delete.
    CHECK(write(65536) == 0);
    poll();
    CHECK(write(65536) == 0);
    pump->stop();
    poll();
    CHECK(tasks->size() == 0);
    ::signal(SIGPIPE, SIG_IGN);
    CHECK(::write(pipe.write_end.get(), "x", 1) == -1);
}

TEST_CASE_METHOD(pump_fixture, "a host that does not read does not hold the exit back for ever, and loses nothing",
                 "[process]") {
    auto pump = start_output();
    std::size_t written = 0;
    for (std::size_t left = 0; left < 65536; poll()) written += 65536 - (left = write(65536));
    pipe.write_end.reset();
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    time.advance(2s - 1ns);
    poll();
    CHECK_FALSE(is_drained);
    time.advance(1ns);
    poll();
    CHECK(is_drained);
    CHECK_FALSE(pump->is_delivered());
    SECTION("a host that comes back has it all") {
        std::size_t received = 0;
        for (auto text = host_read(); text != "(end)"; text = host_read()) {
            if (text != "(nothing)") received += text.size();
            poll();
        }
        CHECK(received == written);
    }
    SECTION("Delete waits as long again") {
        is_drained = false;
        pump->be_patient_again();
        drain(pump, is_drained);
        CHECK_FALSE(is_drained);
        time.advance(2s);
        poll();
        CHECK(is_drained);
    }
}

TEST_CASE_METHOD(pump_fixture, "a slow host holds the exit back as long as it takes bytes", "[process]") {
    auto pump = start_output();
    int small = 8192;  // a socket tells that it has room when three quarters of its buffer are free
    REQUIRE(::setsockopt(ours->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    for (std::size_t left = 0; left < 65536; poll()) left = write(65536);
    pipe.write_end.reset();
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    int seconds = 0;
    while (!is_drained) {
        time.advance(1s);
        ++seconds;
        host_read(16384);
        poll();
    }
    CHECK(pump->is_delivered());
    CHECK(seconds > 4);
}

TEST_CASE_METHOD(pump_fixture, "power-off shortens a drain that has begun", "[process]") {
    auto pump = start_output();
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    pump->hurry(100ms);
    poll();
    time.advance(100ms);
    poll();
    CHECK(is_drained);
}

TEST_CASE_METHOD(pump_fixture, "when the host is gone the process goes on", "[process]") {
    auto pump = start_output();
    host.reset();
    for (int i = 0; i < 10; ++i) {
        CHECK(write(65536) == 0);
        poll();
    }
    CHECK(has_line("the host's end of an output broke, dropping the rest id=web"));
    pipe.write_end.reset();
    poll();
    CHECK(pump->is_delivered());
    CHECK(tasks->size() == 0);
}

TEST_CASE_METHOD(pump_fixture, "stdin reaches the process until the host's end", "[process]") {
    auto pump = start_input();
    CHECK(::write(host.get(), "hello", 5) == 5);
    poll();
    CHECK(read(pipe.read_end.get()) == "hello");
    CHECK(read(pipe.read_end.get()) == "(nothing)");
    host.reset();
    poll();
    CHECK(read(pipe.read_end.get()) == "(end)");
    CHECK(pump->has_ended());
}

TEST_CASE_METHOD(pump_fixture, "closing stdin waits for what is on its way, once", "[process]") {
    auto pump = start_input();
    CHECK(::write(host.get(), "early", 5) == 5);
    pump->finish();
    pump->finish();
    poll();
    CHECK(read(pipe.read_end.get()) == "early");
    time.advance(100ms - 1ns);
    CHECK(::write(host.get(), "late", 4) == 4);
    poll();
    CHECK(read(pipe.read_end.get()) == "late");
    CHECK(read(pipe.read_end.get()) == "(nothing)");
    time.advance(1ns);
    poll();
    CHECK(read(pipe.read_end.get()) == "(end)");
    CHECK(pump->has_ended());
}

TEST_CASE_METHOD(pump_fixture, "closing stdin delivers what has arrived to a process that is slow to read",
                 "[process]") {
    std::string sent;
    ::fcntl(host.get(), F_SETFL, O_NONBLOCK);
    auto send = [&](char byte) {
        std::string block(4096, byte);
        auto count = ::write(host.get(), block.data(), block.size());
        if (count > 0) sent += block.substr(0, static_cast<std::size_t>(count));
        return count > 0;
    };
    auto pump = start_input();
    for (char byte = 'a'; send(byte); byte = byte == 'z' ? 'a' : static_cast<char>(byte + 1)) poll();
    pump->finish();
    poll();
    time.advance(1h);
    poll();
    CHECK_FALSE(pump->has_ended());
    std::string received;
    for (auto text = read(pipe.read_end.get()); text != "(end)"; text = read(pipe.read_end.get())) {
        if (text != "(nothing)") received += text;
        poll();
    }
    CHECK(received == sent);
}

TEST_CASE_METHOD(pump_fixture, "a process that closes its stdin ends the pump and the host's stream", "[process]") {
    ::signal(SIGPIPE, SIG_IGN);
    auto pump = start_input();
    pipe.read_end.reset();
    CHECK(::write(host.get(), "x", 1) == 1);
    poll();
    CHECK(pump->has_ended());
    CHECK(host_read() == "(end)");
}

TEST_CASE_METHOD(pump_fixture, "stopped pumps end at once", "[process]") {
    auto pump = start_input();
    pump->stop();
    poll();
    CHECK(pump->has_ended());
    CHECK(tasks->size() == 0);
}

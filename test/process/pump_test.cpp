// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "process/failing_call.hpp"
#include "process/late_outputs.hpp"
#include "process/pump_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace std::chrono_literals;
using test::pump_fixture;

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

TEST_CASE_METHOD(pump_fixture, "a line costs one turn of the loop: nothing is read in vain", "[process]") {
    start_output();
    write(5);
    ctx.restart();
    CHECK(ctx.poll() == 1);
    CHECK(host_read() == "xxxxx");
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

TEST_CASE_METHOD(pump_fixture, "descendants that hold the pipe have two seconds, then the output is over",
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
    // They do not die of a broken pipe before Delete, nor wait for ever.
    CHECK(write(65536) == 0);
    poll();
    time.advance(output_pump::discard_pause);
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
    auto written = fill_output();
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
        CHECK(host_read_all().size() == written);
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
    fill_output();
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
    CHECK(write(1) == 0);
    poll();
    CHECK(write(65536) == 0);
    poll();
    // Not at full speed: `yes` must not cost us a processor.
    for (int i = 0; i < 10; ++i) {
        CHECK(write(65536) == 0);
        poll();
        CHECK(write(1) == 1);
        time.advance(output_pump::discard_pause);
        poll();
    }
    CHECK(has_line("the host's end of an output broke, dropping the rest id=web"));
    SECTION("its exit is not held back") {
        pump->exited();
        bool is_drained = false;
        drain(pump, is_drained);
        CHECK(is_drained);
    }
    pipe.write_end.reset();
    time.advance(output_pump::discard_pause);
    poll();
    time.advance(output_pump::discard_pause);
    poll();
    CHECK(pump->is_delivered());
    CHECK(tasks->size() == 0);
}

TEST_CASE_METHOD(pump_fixture, "a drain before the exit does not wait", "[process]") {
    auto pump = start_output();
    bool is_drained = false;
    drain(pump, is_drained);
    CHECK(is_drained);
}

TEST_CASE_METHOD(pump_fixture, "a send without memory is tried again after a while", "[process]") {
    auto pump = start_output();
    std::string sent;
    {
        test::failing_call no_memory("write", GENERATE(ENOMEM, ENOBUFS), 2);
        sent = std::string(50000, 'a');
        CHECK(::write(pipe.write_end.get(), sent.data(), sent.size()) == 50000);
        poll();
        CHECK(host_read() == "(nothing)");
        time.advance(output_pump::memory_pause);
        poll();
        CHECK(host_read() == "(nothing)");
    }
    time.advance(output_pump::memory_pause);
    poll();
    pipe.write_end.reset();
    poll();
    CHECK(host_read_all() == sent);
}

TEST_CASE_METHOD(pump_fixture, "a reader that is slow has all of it although its process is deleted", "[process]") {
    auto pump = start_output();
    auto written = fill_output();
    SECTION("and its descendants hold the pipe") {}
    SECTION("and nobody holds the pipe") { pipe.write_end.reset(); }
    pump->exited();
    CHECK(pump->leave_behind(10min));
    poll();
    time.advance(10min - 1ns);
    poll();
    CHECK(tasks->size() == 1);
    auto first = host_read();
    poll();
    time.advance(9min);
    poll();
    CHECK(first.size() + host_read_all().size() == written);
    CHECK(tasks->size() == 0);
    CHECK(lines.empty());
}

TEST_CASE_METHOD(pump_fixture, "a reader that takes nothing for long after Delete is gone", "[process]") {
    auto pump = start_output();
    fill_output();
    pump->exited();
    CHECK(pump->leave_behind(10min));
    poll();
    SECTION("its time is over") { time.advance(10min); }
    SECTION("it has hung up") { host.reset(); }
    poll();
    CHECK(tasks->size() == 0);
    ::signal(SIGPIPE, SIG_IGN);
    CHECK(::write(pipe.write_end.get(), "x", 1) == -1);
}

TEST_CASE_METHOD(pump_fixture, "an output that owes nothing is not left behind", "[process]") {
    auto pump = start_output();
    SECTION("all is delivered") { pump->exited(); }
    SECTION("nobody reads it") {
        host.reset();
        write(1);
        poll();
        write(100);
        pump->exited();
    }
    CHECK_FALSE(pump->leave_behind(10min));
    poll();
    CHECK(tasks->size() == 0);
}

TEST_CASE_METHOD(pump_fixture, "of too many late outputs the oldest is dropped", "[process]") {
    late_outputs late;
    auto pump = start_output();
    fill_output();
    pump->exited();
    CHECK(pump->leave_behind(10min));
    late.add(pump);
    std::vector<std::shared_ptr<output_pump>> others;
    for (std::size_t i = 0; i < late_outputs::capacity; ++i) {
        CHECK(lines.empty());
        others.push_back(std::make_shared<output_pump>(ex(), log(), "other", ours, ours, buffer, 2s));
        late.add(others.back());
    }
    poll();
    CHECK(has_line("nobody reads an output of a deleted process, dropping the rest id=web"));
    CHECK(tasks->size() == 0);
}

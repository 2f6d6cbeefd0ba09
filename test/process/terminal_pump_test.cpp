// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <termios.h>

#include "process/pump_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace std::chrono_literals;

namespace {

/// A terminal between the pumps and a process that opens and closes it.
struct terminal_fixture : test::pump_fixture {
    terminal_fixture() {
        unique_fd opened(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
        REQUIRE(opened);
        REQUIRE(::unlockpt(opened.get()) == 0);
        name = ::ptsname(opened.get());
        open_slave();
        termios raw{};
        REQUIRE(::tcgetattr(slave.get(), &raw) == 0);
        ::cfmakeraw(&raw);
        REQUIRE(::tcsetattr(slave.get(), TCSANOW, &raw) == 0);
        master = stdio_end::adopt(ex(), std::move(opened), end_kind::terminal).value();
    }

    void open_slave() {
        slave.reset(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
        REQUIRE(slave);
    }
    std::size_t print(std::string_view text) const {
        auto count = ::write(slave.get(), text.data(), text.size());
        return count < 0 ? 0 : static_cast<std::size_t>(count);
    }
    /// What is printed takes a moment in the kernel.
    void expect(std::string_view printed) {
        std::string got;
        pump([&] {
            auto text = host_read();
            if (text != "(nothing)") got += text;
            return got.size() >= printed.size();
        });
        CHECK(got == printed);
    }
    void pass(clock::duration span) {
        time.advance(span);
        poll();
    }

    std::string name;
    unique_fd slave;
    std::shared_ptr<stdio_end> master;
};

}  // namespace

TEST_CASE_METHOD(terminal_fixture, "a terminal that nobody has open for a while goes on", "[process]") {
    auto pump = start_output(master);
    print("before");
    expect("before");
    slave.reset();
    poll();
    for (int i = 0; i < 3; ++i) pass(output_pump::away_pause);
    CHECK(host_read() == "(nothing)");
    // Looking again is by the clock: EPOLLHUP is there all the time.
    ctx.restart();
    CHECK(ctx.poll() == 0);
    open_slave();
    print("after");
    pass(output_pump::away_pause);
    expect("after");
    print(", and on");
    expect(", and on");
    CHECK_FALSE(pump->is_delivered());
}

TEST_CASE_METHOD(terminal_fixture, "a terminal ends when its process has exited and nobody has it open", "[process]") {
    auto pump = start_output(master);
    bool is_drained = false;
    SECTION("closed before the exit") {
        print("last");
        slave.reset();
        poll();
        pump->exited();
        drain(pump, is_drained);
    }
    SECTION("closed after the exit") {
        pump->exited();
        drain(pump, is_drained);
        print("last");
        CHECK_FALSE(is_drained);
        slave.reset();
        poll();
    }
    CHECK(is_drained);
    CHECK(pump->is_delivered());
    CHECK(host_read() == "last");
    CHECK(host_read() == "(end)");
    CHECK(master->is_open());
    // Whoever opens it once more does not wait for ever.
    open_slave();
    std::size_t written = 0;
    for (int i = 0; i < 1000 && written < 200000; ++i) {
        written += print(std::string(10000, 'x'));
        pass(output_pump::over_pause);
    }
    CHECK(written >= 200000);
    pump->stop();
    poll();
    CHECK(tasks->size() == 0);
}

TEST_CASE_METHOD(terminal_fixture, "descendants that keep a terminal open have two seconds", "[process]") {
    auto pump = start_output(master);
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    for (int i = 0; i < 19; ++i) {
        print(".");
        expect(".");
        pass(100ms);
        CHECK_FALSE(is_drained);
    }
    pass(100ms);
    CHECK(is_drained);
    CHECK(host_read() == "(end)");
}

TEST_CASE_METHOD(terminal_fixture, "what a terminal holds at the exit is delivered to a host that is slow", "[process]") {
    int small = 4096;
    REQUIRE(::setsockopt(ours->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    auto pump = start_output(master);
    std::string written;
    for (int i = 0;; ++i) {
        auto line = std::to_string(i) + ",";
        auto count = print(line);
        written += line.substr(0, count);
        if (count < line.size()) break;
        poll();
    }
    REQUIRE(master->pending() < written.size() - 8192);  // FIONREAD knows of a part
    slave.reset();
    pump->exited();
    bool is_drained = false;
    drain(pump, is_drained);
    std::string received;
    while (!is_drained) {
        pass(1500ms);
        if (auto text = host_read(); text != "(nothing)") received += text;
        poll();
    }
    CHECK(pump->is_delivered());
    CHECK(received + host_read_all() == written);
}

TEST_CASE_METHOD(terminal_fixture, "what is typed while nobody has the terminal open is kept", "[process]") {
    auto pump = start_input(master);
    slave.reset();
    CHECK(::write(host.get(), "typed", 5) == 5);
    poll();
    for (int i = 0; i < 3; ++i) pass(input_pump::retry_pause);
    ctx.restart();
    CHECK(ctx.poll() == 0);
    CHECK_FALSE(pump->has_ended());
    open_slave();
    pass(input_pump::retry_pause);
    CHECK(read(slave.get()) == "typed");
    CHECK(::write(host.get(), "more", 4) == 4);
    poll();
    CHECK(read(slave.get()) == "more");
}

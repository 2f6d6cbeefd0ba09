// SPDX-License-Identifier: Apache-2.0
#include "process/pump_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace std::chrono_literals;
using test::pump_fixture;

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
    // From the last byte on: more may be behind it.
    time.advance(100ms - 1ns);
    poll();
    CHECK_FALSE(pump->has_ended());
    time.advance(1ns);
    poll();
    CHECK(read(pipe.read_end.get()) == "(end)");
    CHECK(pump->has_ended());
}

TEST_CASE_METHOD(pump_fixture, "the host's own end is waited for no longer", "[process]") {
    auto pump = start_input();
    CHECK(::write(host.get(), "all", 3) == 3);
    pump->finish();
    ::shutdown(host.get(), SHUT_WR);
    poll();
    CHECK(read(pipe.read_end.get()) == "all");
    CHECK(read(pipe.read_end.get()) == "(end)");
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
    auto receive = [&] {
        for (auto text = read(pipe.read_end.get()); text != "(nothing)"; text = read(pipe.read_end.get())) {
            received += text;
            poll();
        }
    };
    receive();
    CHECK(received == sent);
    CHECK_FALSE(pump->has_ended());
    // The host was held back all the time: what it still has comes only now.
    time.advance(1s - 1ns);
    CHECK(send('!'));
    poll();
    receive();
    CHECK(received == sent);
    time.advance(1s);
    poll();
    CHECK(pump->has_ended());
    CHECK(read(pipe.read_end.get()) == "(end)");
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

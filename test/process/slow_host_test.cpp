// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;
using namespace std::chrono_literals;

TEST_CASE("a host that reads only after Delete has all of it", "[process]") {
    process_fixture fixture;
    auto other = fixture.open_stream(99);
    auto before = open_descriptors();
    auto slow = fixture.open_stream(1);
    constexpr std::size_t size = 256 << 10;
    std::size_t expected = size;
    SECTION("a pipe") {
        fixture.run_container("web", {"write", std::to_string(size)}, {"", "stream://1", "", false});
    }
    SECTION("a terminal") {
        // What a terminal and a stream hold: its process waits for the host while there is more.
        expected = 8 << 10;
        fixture.run_container("web", {"write", std::to_string(expected)}, {"", "stream://1", "", true});
    }
    manual_time time(clock::now());
    fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    for (int i = 0; i < 3; ++i) {
        time.advance(1s);
        fixture.poll();
    }
    REQUIRE(fixture.wait("web"));
    std::optional<result<process_exit>> removed;
    auto note = [](process_fixture& from, std::optional<result<process_exit>>& outcome) -> awaitable<void> {
        auto exit = co_await from.processes.remove("web", "");
        outcome.emplace(std::move(exit));
    };
    fixture.tasks->spawn("remove", note(fixture, removed));
    fixture.poll();
    time.advance(2s);
    fixture.pump([&] { return removed.has_value(); });
    REQUIRE(*removed);
    // A pager's first page.
    time.advance(9min);
    fixture.poll();
    fixture.read(slow);
    fixture.pump([&] { return slow->has_ended; });
    CHECK(slow->text.size() == expected);
    slow->close();
    fixture.poll();
    CHECK(open_descriptors() == before);
}

TEST_CASE("one stream that is stdin and stdout has its end at the exit", "[process]") {
    process_fixture fixture;
    auto both = fixture.read(fixture.open_stream(1));
    bool is_terminal = GENERATE(true, false);
    fixture.run_container("web", {"echo", "said"}, {"stream://1", "stream://1", "", is_terminal});
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return both->has_ended; });
    CHECK(both->text == (is_terminal ? "said\r\n" : "said\n"));
}

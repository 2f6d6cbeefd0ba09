// SPDX-License-Identifier: Apache-2.0
#include "ending_rules.hpp"

#include <signal.h>

#include <catch2/catch.hpp>

#include "output_patience.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using namespace std::chrono_literals;

TEST_CASE("signals are the process's, the third kills it, the fourth ends us", "[vminitctl]") {
    ending_rules rules;
    CHECK(rules.next(SIGINT, process_phase::running) == ending_step::forward);
    CHECK(rules.next(SIGTERM, process_phase::running) == ending_step::forward);
    CHECK(rules.next(SIGINT, process_phase::running) == ending_step::kill);
    CHECK(rules.next(SIGINT, process_phase::running) == ending_step::leave);
}

TEST_CASE("a hang-up ends the process, the next signal us", "[vminitctl]") {
    ending_rules rules;
    CHECK(rules.next(SIGHUP, process_phase::running) == ending_step::hang_up);
    CHECK(rules.next(SIGTERM, process_phase::running) == ending_step::leave);
}

TEST_CASE("without a process running a signal is for us", "[vminitctl]") {
    auto phase = GENERATE(process_phase::preparing, process_phase::ended);
    auto signal = GENERATE(SIGINT, SIGHUP);
    ending_rules rules;
    CHECK(rules.next(signal, phase) == ending_step::finish);
    CHECK(rules.next(signal, phase) == ending_step::leave);
}

TEST_CASE("patience with output counts from its last byte and from the end of the process", "[vminitctl]") {
    output_patience outputs(30s);
    clock::time_point start{};
    outputs.reads(0, start);
    outputs.reads(1, start);
    CHECK(outputs.left(start + 5s, start + 6s) == 29s);
    outputs.reads(1, start + 20s);
    CHECK(outputs.left(start + 5s, start + 21s) == 29s);
    CHECK(outputs.left(start + 5s, start + 50s) == 0s);
    outputs.closed(1);
    CHECK(outputs.left(start + 5s, start + 30s) == 5s);
    CHECK(outputs.has_open());
    outputs.closed(0);
    CHECK_FALSE(outputs.has_open());
}

TEST_CASE("a slow reader of ours has no limit", "[vminitctl]") {
    output_patience outputs(30s);
    clock::time_point start{};
    outputs.reads(0, start);
    outputs.reads(1, start);
    outputs.writes(0);
    CHECK_FALSE(outputs.left(start, start + 24h));
    // It took what it had: now the guest's turn is counted, from then on.
    outputs.reads(0, start + 24h);
    CHECK(outputs.left(start, start + 24h) == 30s);
}

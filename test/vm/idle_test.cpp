// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "event_watch.hpp"
#include "observer.hpp"
#include "virtual_machine.hpp"

using namespace vminit::test;

TEST_CASE("PID 1 sleeps while nothing happens, with a container and an event stream", "[vm]") {
    guest vm(virtual_machine::shared_address());
    event_watch watch(vm);
    observer eye(vm);
    // What other tests left takes a while to go: threads that had a job, pauses before a removal is tried again.
    constexpr int most = 20;
    int looks = 1;
    while (looks < most && eye.wake_ups_within(3) != 0) ++looks;
    CHECK(looks < most);
    CHECK(watch.is_open());
}

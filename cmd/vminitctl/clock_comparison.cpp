// SPDX-License-Identifier: Apache-2.0
#include "clock_comparison.hpp"

#include <algorithm>

#include "vminit/core/clock.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::vminitctl {

namespace wire = vminit::system::v1;

namespace {

constexpr int probes = 5;

std::int64_t nanoseconds(const google::protobuf::Timestamp& time) { return time.seconds() * 1000000000 + time.nanos(); }
std::int64_t nanoseconds(wall_time time) { return time.time_since_epoch().count(); }

}  // namespace

// The quickest of some calls tells most.
awaitable<result<clock_comparison>> compare_clocks(client_session& guest) {
    clock_comparison best;
    for (int count = 0; count < probes; ++count) {
        wire::MachineClient machine(guest.rpc());
        auto sent = wall_now();
        auto answer = co_await machine.Clock({}, guest.call_limit());
        auto received = wall_now();
        if (!answer) co_return answer.error();
        auto uncertain = std::max<std::int64_t>((received - sent).count() / 2, 1);
        if (count > 0 && uncertain >= best.uncertain_ns) continue;
        best.ahead_ns = nanoseconds(answer->now()) - nanoseconds(sent) - (received - sent).count() / 2;
        best.uncertain_ns = uncertain;
        best.clock = std::move(*answer);
    }
    co_return best;
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "shutdown_call.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> shutdown(client_session& guest) {
    auto asked = co_await ask_to_power_off(guest);
    if (!asked) co_return asked.error();
    // Success is also the answer of a guest that stays on because of its containers.
    auto gone = co_await guest.closed(guest.options().call_limit());
    if (!gone) co_return error(errc::failed_precondition, "the guest stays on, it still has containers");
    record facts{{"address", guest.options().address}, {"shutdown", true}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_shutdown(command_set& commands) {
    commands.add("shutdown", "clean up the guest and power it off",
                 [](client_session& guest) { return shutdown(guest); });
}

}  // namespace vminit::vminitctl

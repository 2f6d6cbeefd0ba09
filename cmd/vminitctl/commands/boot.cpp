#include <boost/json.hpp>

#include "boot_chart.hpp"
#include "client_session.hpp"
#include "commands/commands.hpp"
#include "terminal.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::size_t columns_without_terminal = 100;

awaitable<result<int>> boot(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto timeline = co_await system.BootTimeline(std::move(request), guest.call_limit());
    if (!timeline) co_return timeline.error();
    auto size = window_size_of(guest.local().out);
    guest.out().say(boot_chart(*timeline, size ? size->width : columns_without_terminal));
    if (guest.out().is_json()) guest.out().answer(boot_facts(*timeline));
    co_return 0;
}

}  // namespace

void add_boot(command_set& commands) {
    commands.add("boot", "how the guest's boot went, as a bar chart",
                 [](client_session& guest) { return boot(guest); });
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "boot_chart.hpp"
#include "boot_picture.hpp"
#include "client_session.hpp"
#include "commands/commands.hpp"
#include "terminal.hpp"
#include "vminit/core/file.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::size_t columns_without_terminal = 100;
constexpr mode_t picture_mode = 0644;

awaitable<result<int>> boot(client_session& guest, std::string picture) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto timeline = co_await system.BootTimeline(std::move(request), guest.call_limit());
    if (!timeline) co_return timeline.error();
    if (!picture.empty()) {
        auto written = replace_file(picture, boot_picture(*timeline), picture_mode);
        if (!written) co_return written.error();
    }
    auto size = window_size_of(guest.local().out);
    if (picture.empty()) guest.out().say(boot_chart(*timeline, size ? size->width : columns_without_terminal));
    if (guest.out().is_json()) guest.out().answer(boot_facts(*timeline));
    co_return 0;
}

}  // namespace

void add_boot(command_set& commands) {
    auto picture = std::make_shared<std::string>();
    auto& command = commands.add("boot", "how the guest's boot went, as a bar chart",
                                 [picture](client_session& guest) { return boot(guest, *picture); });
    command.add_option("--svg", *picture, "write it as a picture to this file instead");
}

}  // namespace vminit::vminitctl

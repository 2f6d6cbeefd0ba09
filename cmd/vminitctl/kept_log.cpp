// SPDX-License-Identifier: Apache-2.0
#include "kept_log.hpp"

#include <fmt/format.h>

#include "inherited_descriptor.hpp"

namespace vminit::vminitctl {

awaitable<result<log_extent>> print_log(client_session& guest, vminit::process::v1::LogsRequest request,
                                        std::function<void()> on_asked) {
    auto target = inherited_descriptor::open(guest.context(), guest.local().out, direction::out);
    if (!target) co_return target.error();
    auto containers = guest.container();
    auto pieces = containers.Logs(std::move(request), guest.no_limit());
    if (!pieces) co_return pieces.error();
    if (on_asked) on_asked();
    log_extent printed;
    for (;;) {
        auto piece = co_await pieces->read();
        if (!piece) co_return piece.error();
        if (!*piece) co_return printed;
        auto lost = (*piece)->lost();
        if (lost > 0) guest.out().warn(fmt::format("{} bytes of output are not kept any more", lost));
        auto written = co_await target->write_all((*piece)->data());
        if (!written) co_return written.error();
        printed.lost += lost;
        printed.bytes += (*piece)->data().size();
    }
}

}  // namespace vminit::vminitctl

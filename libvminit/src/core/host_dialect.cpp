// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/host_dialect.hpp"

namespace vminit {

host_dialect host_dialect::nerdbox() noexcept {
    host_dialect dialect;
    dialect.handshake = stream_handshake::name;
    dialect.events_service = "nerdbox.services.vmevents.v1.Events";
    dialect.task_delete = delete_event::published;
    dialect.close_io = close_io_meaning::closes_stdin;
    dialect.pause = pause_support::by_runtime;
    dialect.spec = spec_policy::keep;
    return dialect;
}

std::optional<host_dialect> host_dialect::named(std::string_view name) noexcept {
    if (name == "spinbox") return spinbox();
    if (name == "nerdbox") return nerdbox();
    return std::nullopt;
}

}  // namespace vminit

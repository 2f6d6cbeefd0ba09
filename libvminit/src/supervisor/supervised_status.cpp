// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/supervised_status.hpp"

namespace vminit::supervisor {

std::string_view to_string(supervised_state state) noexcept {
    switch (state) {
        case supervised_state::waiting:
            return "waiting";
        case supervised_state::absent:
            return "absent";
        case supervised_state::running:
            return "running";
        case supervised_state::backing_off:
            return "backing_off";
        case supervised_state::gave_up:
            return "gave_up";
        case supervised_state::stopped:
            return "stopped";
    }
    return "unknown";
}

}  // namespace vminit::supervisor

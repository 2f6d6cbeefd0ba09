// SPDX-License-Identifier: Apache-2.0
#include "ending_rules.hpp"

#include <signal.h>

namespace vminit::vminitctl {

namespace {
constexpr int endings_before_kill = 3;
}

ending_step ending_rules::next(int signal, process_phase phase) noexcept {
    bool is_first = ++count_ == 1;
    if (phase != process_phase::running) return is_first ? ending_step::finish : ending_step::leave;
    if (has_hung_up_ || count_ > endings_before_kill) return ending_step::leave;
    has_hung_up_ = signal == SIGHUP;
    if (has_hung_up_) return ending_step::hang_up;
    return count_ == endings_before_kill ? ending_step::kill : ending_step::forward;
}

}  // namespace vminit::vminitctl

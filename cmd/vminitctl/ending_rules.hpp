// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vminit::vminitctl {

enum class process_phase { preparing, running, ended };

enum class ending_step {
    forward,  ///< the process shall have the signal
    kill,     ///< the process has ignored what it got: SIGKILL
    hang_up,  ///< our terminal is gone: end the process, with some patience
    finish,   ///< clear up what can be cleared up at once, then leave
    leave,    ///< at once
};

/// What becomes of the signals that ask us to end. Decides only.
///
/// While the process runs they are its own, the third as SIGKILL; the next one after that, or after a hang-up, ends us.
class ending_rules {
public:
    /// `signal` is SIGINT, SIGTERM, SIGQUIT or SIGHUP.
    ending_step next(int signal, process_phase phase) noexcept;

private:
    int count_ = 0;
    bool has_hung_up_ = false;
};

}  // namespace vminit::vminitctl

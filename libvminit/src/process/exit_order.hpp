// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace vminit::process {

/// Decides when a container's init exit may be told: after the exits of all its execs, and not in the middle of a
/// Start.
///
/// An exec counts from before its runtime is invoked until its exit has been told or its start has failed. Decides
/// only.
class exit_order {
public:
    void exec_starting() noexcept { ++running_execs_; }

    /// Its exit is told, or its start failed. Never below zero: a surplus call must not let init's exit wait for ever.
    void exec_ended() noexcept {
        if (running_execs_ > 0) --running_execs_;
    }

    void init_starting() noexcept { is_init_starting_ = true; }
    void init_start_ended() noexcept { is_init_starting_ = false; }

    /// Init is dead, told or not: execs cannot start any more.
    void init_died() noexcept { is_init_dead_ = true; }

    bool may_start_exec() const noexcept { return !is_init_dead_; }

    /// TaskExit follows TaskStart, so also an exit during Start waits for its end.
    bool may_tell_init_exit() const noexcept { return is_init_dead_ && !is_init_starting_ && running_execs_ == 0; }

    /// The container's other processes may be killed once Start cannot be disturbed any more.
    bool may_kill_rest() const noexcept { return is_init_dead_ && !is_init_starting_; }

    bool is_init_dead() const noexcept { return is_init_dead_; }
    std::size_t running_execs() const noexcept { return running_execs_; }

private:
    std::size_t running_execs_ = 0;
    bool is_init_starting_ = false;
    bool is_init_dead_ = false;
};

}  // namespace vminit::process

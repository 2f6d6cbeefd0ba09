// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "client_session.hpp"
#include "departure.hpp"
#include "detach_keys.hpp"
#include "input_forwarding.hpp"
#include "task_calls.hpp"
#include "terminal.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::vminitctl {

/// Our stdin, and our terminal if `tty`, as those of a process that runs already and goes on when we leave.
///
/// `open` it, `begin` when its output is asked for, `close` in the end whatever happened.
class attached_input {
public:
    enum class console { none, terminal };

    attached_input(client_session& guest, process_key key, console mode, detach_keys keys, departure& leaving);

    /// Errors: of State and of open_stdio_stream; invalid_argument for a terminal that the process does not have.
    awaitable<result<void>> open();

    /// From now on what is typed goes to the process. The guest's refusal makes us leave.
    void begin();

    /// SIGWINCH and SIGCONT are our terminal's; by others we leave.
    void take(int signal);

    awaitable<void> close();

    bool is_detached() const noexcept { return is_detached_; }
    const std::optional<error>& failure() const noexcept { return failure_; }

private:
    awaitable<void> type_in();
    awaitable<result<void>> attach();

    client_session& guest_;
    process_key key_;
    console mode_;
    detach_keys keys_;
    departure& leaving_;
    std::uint32_t id_ = 0;
    std::optional<ttrpc::stream_socket> stream_;
    std::optional<raw_mode> raw_;
    std::optional<error> failure_;
    bool is_detached_ = false;
    task_group tasks_;
};

}  // namespace vminit::vminitctl

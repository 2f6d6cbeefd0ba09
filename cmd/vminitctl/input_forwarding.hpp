// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client_session.hpp"
#include "detach_keys.hpp"
#include "task_calls.hpp"
#include "vminit/ttrpc/transport.hpp"

/// Our stdin as a process's, and our window as its terminal's.
namespace vminit::vminitctl {

enum class input_end {
    ended,     ///< our stdin is at its end, and the process has been told so
    detached,  ///< the keys were typed: the process has not been told anything
    refused,   ///< the process takes no more
};

/// Copies until one of these. `keys` has no keys where they are bytes like others. What cannot be read is told on
/// stderr, and is the end. Throws on cancellation.
awaitable<input_end> forward_input(client_session& guest, process_key key, ttrpc::stream_socket& stream,
                                   detach_keys keys);

/// The process's terminal gets the size of ours, if we have one. Never fails: a window of the wrong size is no reason
/// to disturb what is shown in it.
awaitable<void> fit_window(client_session& guest, process_key key);

}  // namespace vminit::vminitctl

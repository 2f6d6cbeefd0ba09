// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "client_session.hpp"

namespace vminit::vminitctl {

/// Where a process writes whose output the guest keeps.
inline constexpr const char* log_uri = "log://";

/// As stdin: open, for whoever is attached.
inline constexpr const char* attach_uri = "attach://";

/// What `print_log` has printed.
struct log_extent {
    std::uint64_t bytes = 0;
    std::uint64_t lost = 0;  ///< the guest did not have any more; each gap is told on stderr where it is
};

/// What is kept of a process's output, to stdout, until the guest says that this was all. Behind the question,
/// `on_asked` is called. Errors: those of the call, of writing stdout.
awaitable<result<log_extent>> print_log(client_session& guest, vminit::process::v1::LogsRequest request,
                                        std::function<void()> on_asked = {});

}  // namespace vminit::vminitctl

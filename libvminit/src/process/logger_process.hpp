// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "process/io_environment.hpp"
#include "vminit/process/stdio_uri.hpp"
#include "vminit/reaper/child.hpp"

namespace vminit::process {

/// The logger of a process whose outputs go to `binary://`, with the limits of the layer.
class logger_process {
public:
    logger_process() noexcept = default;

    /// Starts the logger and waits until it is ready. `out` and `err` are borrowed; -1 = nothing to read. Errors: those
    /// of `reaper::start_logger`.
    static awaitable<result<logger_process>> start(io_environment& environment, std::string container_id,
                                                   stdio_target target, int out, int err);

    explicit operator bool() const noexcept { return static_cast<bool>(child_); }

    /// Lets it end in the background: it has read the end of its input; after a while SIGTERM, at last SIGKILL.
    void finish(io_environment& environment);

private:
    explicit logger_process(reaper::child running) noexcept : child_(std::move(running)) {}

    reaper::child child_;
};

}  // namespace vminit::process

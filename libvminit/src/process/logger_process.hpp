#pragma once

#include <string>

#include "process/io_environment.hpp"
#include "vminit/process/stdio_uri.hpp"
#include "vminit/reaper/child.hpp"

namespace vminit::process {

/// A `binary://` logger: a child that reads a process's output from descriptors 3 (stdout) and 4 (stderr).
class logger_process {
public:
    /// For a logger to say that it is ready on descriptor 5.
    static constexpr clock::duration ready_limit = std::chrono::seconds(10);

    logger_process() noexcept = default;

    /// Starts the logger and waits until it is ready. `out` and `err` are borrowed; -1 = nothing to read. Errors: those
    /// of `reaper_service::launch`, deadline_exceeded, failed_precondition when it ended or never said ready.
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

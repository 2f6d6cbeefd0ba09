// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>

#include "process/io_environment.hpp"
#include "process/stdio_end.hpp"
#include "vminit/process/stdio_uri.hpp"

namespace vminit::process {

struct opened_file {
    unique_fd fd;
    bool is_regular = true;
};

/// Opens the host's ends of one process's stdio. A stream is claimed once, however many of the three name it. Paths are
/// opened in the pool, within `process_limits::mount`: they may lead to a disk that stalls.
class host_ends {
public:
    explicit host_ends(io_environment& environment) noexcept : environment_(environment) {}

    /// A stream, a fifo or a log. Errors: resource_exhausted for a log too many, not_found `unable to get stream <n>`,
    /// invalid_argument for a path that is no fifo, errno of open.
    awaitable<result<std::shared_ptr<stdio_end>>> open(stdio_target target);

    /// A stream that nothing else of this process uses. Errors: as `open`.
    result<std::shared_ptr<stdio_end>> claim(const std::string& name);

    /// A file to append to, made with its parent directories if missing; blocking, fit to be handed to a container.
    awaitable<result<opened_file>> open_file(std::string path);

    /// It as our end of a terminal's output.
    result<std::shared_ptr<stdio_end>> adopt(opened_file file);

    /// Read-write, so that neither direction fails.
    static result<unique_fd> open_null();

    /// The log that was opened last, if any.
    const std::shared_ptr<kept_output>& log() const noexcept { return log_; }

private:
    result<std::shared_ptr<stdio_end>> open_stream(const std::string& name);
    result<std::shared_ptr<stdio_end>> open_log();
    awaitable<result<std::shared_ptr<stdio_end>>> open_fifo(std::string path);

    io_environment& environment_;
    std::shared_ptr<kept_output> log_;
    std::map<std::string, std::shared_ptr<stdio_end>> claimed_;
};

}  // namespace vminit::process

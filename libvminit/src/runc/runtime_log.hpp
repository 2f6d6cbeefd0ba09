// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::runc {

/// More of a log than this is never read: with `--debug` a runtime writes a lot, and its last words are what counts.
inline constexpr std::size_t max_log_tail = std::size_t{64} << 10;

/// The `msg`, trimmed, of the last JSON line of level `error`. Lines that are no JSON objects are skipped.
std::optional<std::string> last_logged_error(std::string_view lines);

/// The log of one invocation of the runtime.
///
/// A file in memory without a name: nobody else writes to it, no disk is touched by it, and it is gone with the last
/// who has it open, also when a runtime hangs for ever. A process that the runtime leaves behind may go on writing.
class runtime_log {
public:
    /// Errors: errno of memfd_create(2) and readlink(2).
    static result<runtime_log> create();

    /// For `--log`: names our descriptor, so it is good as long as this object.
    const std::string& path() const noexcept { return path_; }

    /// The last error in it, looked for in its last `max_log_tail` bytes.
    std::optional<std::string> last_error() const;

private:
    runtime_log(unique_fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

    unique_fd file_;
    std::string path_;
};

}  // namespace vminit::runc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::system {

/// A line of the kernel's log.
struct kernel_record {
    std::uint64_t sequence = 0;  ///< the first since the kernel's start has 0
    std::uint64_t time_us = 0;   ///< since the kernel's start, by a clock that stands still in suspend
    unsigned level = 0;          ///< 0 (emerg) to 7 (debug)
    std::string text;            ///< as the kernel escapes it: what is not printable ASCII is `\x` and two digits
    std::uint64_t lost = 0;      ///< so many before it were overwritten before they were read
};

/// What read(2) of /dev/kmsg gives: `prio,seq,ts_us,flags;text\n`, then lines of a dictionary, which are left out.
/// Numbers that are missing are 0. Nothing without a semicolon.
std::optional<kernel_record> parse_kernel_record(std::string_view record);

/// A reader of the kernel's log, from the oldest line that is there. The kernel keeps what it keeps, whoever reads: a
/// slow reader loses lines, which the next one tells.
class kernel_log {
public:
    /// Opens `path` without waiting. Errors: errno of open.
    static result<kernel_log> open(executor ex, const std::string& path = "/dev/kmsg");

    /// The next line; nothing when there is none now. Errors: errno `read <path>`.
    result<std::optional<kernel_record>> next();

    /// True once no more will come. Never for the kernel's own.
    bool is_over() const noexcept { return is_over_; }

    /// Returns when there is more to read, spuriously, or when cancelled.
    awaitable<void> wait();

private:
    using descriptor = asio::posix::basic_stream_descriptor<executor>;
    kernel_log(descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

    descriptor file_;
    std::string path_;
    std::uint64_t expected_ = 0;
    bool is_over_ = false;
};

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::runc {

/// Which part of an output that is longer than the limit is kept.
enum class capture_part { head, tail };

/// Collects what a child writes to a pipe, up to a limit; the rest is read and dropped, so that the child never blocks.
///
/// Reads in the background from `start` to `finish`. `finish` takes what is in the pipe and lets go, whoever still
/// holds the other end: a process that the child left behind cannot make us wait.
class output_capture : public std::enable_shared_from_this<output_capture> {
public:
    /// What a pipe can hold, and some: a writer that outlives the child must not keep `finish` busy.
    static constexpr std::size_t max_final_read = std::size_t{1} << 20;

    output_capture(executor ex, std::size_t limit, capture_part part);

    /// Makes the pipe and begins to read. Returns the write end, for the child.
    result<unique_fd> start();

    /// Returns what was written. Call once the child has ended.
    std::string finish();

    /// True if something was dropped.
    bool is_truncated() const noexcept { return is_truncated_; }

private:
    enum class pipe_state { empty, ended };

    void wait();
    pipe_state read_available(std::size_t most);
    void take(std::string_view bytes);

    asio::posix::basic_stream_descriptor<executor> pipe_;
    std::size_t limit_;
    capture_part part_;
    bool is_truncated_ = false;
    std::string text_;
};

}  // namespace vminit::runc

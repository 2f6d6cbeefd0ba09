// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/streams/byte_end.hpp"

namespace vminit::process {

class file_output;
class kept_output;
struct io_environment;

enum class end_kind {
    pipe,      ///< our end of a process's pipe, or a host's fifo
    socket,    ///< a stream of the stream port
    file,      ///< a regular file: written by the pool (file_output.hpp)
    log,       ///< a ring in our memory, which is never full (kept_output.hpp)
    terminal,  ///< a pty master: both directions, EIO while nobody has the other side open
};

/// One of our ends of a process's stdio: non-blocking reads and writes and waiting for readiness. Owns its descriptor.
///
/// A terminal's is shared by the two pumps that use it.
class stdio_end final : public streams::byte_end, public std::enable_shared_from_this<stdio_end> {
public:
    enum class readiness { readable, writable };

    /// Takes `fd` over and makes it non-blocking. Errors: errno of fcntl or epoll_ctl.
    static result<std::shared_ptr<stdio_end>> adopt(executor ex, unique_fd fd, end_kind kind);

    /// Gives the pipe that a process writes to room for `pipe_capacity` bytes, if the kernel allows it: who writes much
    /// is stopped less often, and each of our turns finds more.
    static void widen(int pipe) noexcept;
    static constexpr int pipe_capacity = 256 << 10;

    /// A regular file to write to.
    static std::shared_ptr<stdio_end> adopt_file(io_environment& environment, unique_fd file);

    /// What is kept of an output.
    static std::shared_ptr<stdio_end> adopt_log(executor ex, std::shared_ptr<kept_output> log);

    boost::system::result<std::size_t> read(char* into, std::size_t size) override;
    boost::system::result<std::size_t> write(std::string_view bytes) override;

    /// Returns when it may be ready, or `poke` was called, or spuriously. Never throws for these.
    awaitable<void> wait(readiness which);

    /// The same, not longer than until `deadline`.
    awaitable<void> wait_until(readiness which, clock::time_point deadline);

    /// Returns when all that was written is where it belongs (a file's last piece is on its way for a while), or at
    /// `deadline`.
    awaitable<void> settled(clock::time_point deadline);

    /// Ends all waits, so that their callers look again.
    void poke();

    /// Bytes that can be read now, as far as the kernel tells.
    std::size_t pending() const noexcept;

    /// No more writing: the peer reads the end. Closes all but a terminal, whose master its owner still needs.
    void finish_writing();

    void close();
    bool is_open() const noexcept { return descriptor_.is_open() || file_ || log_; }
    int fd() noexcept { return descriptor_.native_handle(); }
    end_kind kind() const noexcept { return kind_; }

    /// A page at a time, however much there is.
    bool is_read_piecemeal() const noexcept override { return kind_ == end_kind::terminal; }

    /// EIO of a terminal: nobody has it open now. Somebody may open it again: only after its process's exit is it an end. No
    /// readiness tells of it (EPOLLHUP is there all the time), so who waits looks again after a while.
    bool is_away(const error_code& failure) const noexcept override;

private:
    using descriptor = asio::posix::basic_stream_descriptor<executor>;
    stdio_end(descriptor open, end_kind kind) noexcept : descriptor_(std::move(open)), kind_(kind) {}

    bool is_settled() const noexcept;

    mutable descriptor descriptor_;
    end_kind kind_;
    std::size_t largest_send_ = 0;       // of a socket
    std::shared_ptr<file_output> file_;  // for a file; `descriptor_` is closed then
    std::shared_ptr<kept_output> log_;   // for a log; the same
};

}  // namespace vminit::process

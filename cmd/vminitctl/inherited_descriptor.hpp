#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

enum class direction { in, out };

/// stdin, stdout or stderr as we got it. Its file description is shared with the shell and with others, so that
/// O_NONBLOCK, which Asio would set, must not be: readiness is watched from outside (epoll) and each call moves only
/// what cannot block. Files and the like, which epoll refuses, are always ready.
class inherited_descriptor {
public:
    /// `fd` is borrowed and outlives this. A closed one reads as empty.
    static result<inherited_descriptor> open(asio::io_context& context, int fd, direction way);

    /// At least one byte, 0 at the end of input. Throws on cancellation.
    awaitable<result<std::size_t>> read_some(std::span<char> buffer);

    /// All of `data`, which outlives the call. Errors: EPIPE and others of write(2). Throws on cancellation.
    awaitable<result<void>> write_all(std::string_view data);

private:
    using watcher = asio::posix::basic_stream_descriptor<executor>;
    inherited_descriptor(int fd, std::unique_ptr<watcher> watch) : fd_(fd), watch_(std::move(watch)) {}

    awaitable<void> until_ready(short events);

    int fd_;
    std::unique_ptr<watcher> watch_;  // of an epoll descriptor; null = always ready
};

/// Writes all of `data`, waiting where another process has made the descriptor non-blocking.
result<void> write_fully(int fd, std::string_view data, std::string_view object);

}  // namespace vminit::vminitctl

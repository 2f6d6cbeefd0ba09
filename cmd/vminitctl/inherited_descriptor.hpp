// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

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
    inherited_descriptor(int fd, unique_fd own, std::unique_ptr<watcher> watch)
        : fd_(fd), own_(std::move(own)), watch_(std::move(watch)) {}

    awaitable<void> until_ready(short events);

    int fd_;
    unique_fd own_;                   // a description of the terminal of our own; `fd_` is it then
    std::unique_ptr<watcher> watch_;  // of an epoll descriptor; null = always ready
};

/// Returns when nobody can read what is written into `fd` any more: the pipe's reader, the socket's peer or the
/// terminal is gone. Never for other things. Throws on cancellation.
awaitable<void> reader_gone(asio::io_context& context, int fd);

/// Opens what is closed of 0, 1 and 2, so that nothing else of ours gets the number: to read an end of input, to write
/// into nothing. Before anything else is opened.
void occupy_standard_descriptors();

/// Writes all of `data`, waiting where another process has made the descriptor non-blocking.
result<void> write_fully(int fd, std::string_view data, std::string_view object);

}  // namespace vminit::vminitctl

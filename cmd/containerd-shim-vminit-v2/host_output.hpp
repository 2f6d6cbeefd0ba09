// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::shim {

/// Where one output of a process ends up on this machine.
class host_output {
public:
    host_output() = default;
    host_output(const host_output&) = delete;
    host_output& operator=(const host_output&) = delete;
    virtual ~host_output() = default;

    /// Returns when all of `bytes`, which are borrowed until then, have been taken over: waits as long as nobody reads.
    /// Errors: errno of write, after which no more can be written.
    virtual awaitable<result<void>> write(std::string_view bytes) = 0;

    /// The end of the output.
    virtual void close() noexcept = 0;
};

/// A fifo or a pipe.
result<std::shared_ptr<host_output>> pipe_output(asio::io_context& context, unique_fd pipe);

/// The fifo at `path`, held open both ways. Errors: errno of open; invalid_argument for what is no fifo.
result<std::shared_ptr<host_output>> fifo_output(asio::io_context& context, const std::string& path);

/// Appends to the file at `path`, made with its directories where they are missing; off the loop, for a disk may be
/// slow. Errors: errno.
awaitable<result<std::shared_ptr<host_output>>> file_output(asio::io_context& context, std::string path);

/// Opens the fifo at `path` without blocking. Errors: errno of open; invalid_argument for what is no fifo.
result<unique_fd> open_fifo(const std::string& path, int flags);

}  // namespace vminit::shim

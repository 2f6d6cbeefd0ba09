// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::runc {

/// The socket over which a runtime hands us the master of a container's terminal (`--console-socket`).
///
/// A runtime connects, sends and goes on; nobody waits for an answer. So what it has sent is looked at once it has
/// ended, and nothing has to be awaited. Move-only; the socket and its directory are removed with it.
class console_socket {
public:
    /// Listens on `pty.sock` in a new directory `pty<random>` below `temp_directory` (keep that short: sun_path is 108
    /// bytes).
    static result<console_socket> open(const std::string& temp_directory = "/tmp");

    console_socket(console_socket&& other) noexcept
        : directory_(std::exchange(other.directory_, {})),
          path_(std::move(other.path_)),
          listener_(std::move(other.listener_)) {}
    console_socket& operator=(console_socket&&) = delete;
    ~console_socket();

    const std::string& path() const noexcept { return path_; }

    /// The terminal's master that a runtime which has ended sent: O_CLOEXEC, O_NONBLOCK left as it came. Never blocks.
    ///
    /// Errors: kind unknown `console: ...` when nothing was sent, and for anything but one message with exactly one
    /// descriptor of a terminal; what else came is closed.
    result<unique_fd> receive();

private:
    console_socket() = default;

    std::string directory_;
    std::string path_;
    unique_fd listener_;
};

}  // namespace vminit::runc

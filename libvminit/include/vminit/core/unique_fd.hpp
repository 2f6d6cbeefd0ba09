// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace vminit {

/// Owns one file descriptor and closes it. Move-only; -1 means none.
class unique_fd {
public:
    unique_fd() noexcept = default;
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~unique_fd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Gives the descriptor away; the caller closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes what is held and takes `fd`. Close errors are ignored: the descriptor is gone either way (close(2)).
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

}  // namespace vminit

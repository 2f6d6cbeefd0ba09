// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "vminit/core/result.hpp"

struct termios;

/// Our own terminal, for containers that have one.
namespace vminit::vminitctl {

bool is_terminal(int fd) noexcept;

struct window_size {
    std::uint32_t width = 0;   ///< columns
    std::uint32_t height = 0;  ///< lines
};

/// The size of the terminal `fd`; none if it has none.
std::optional<window_size> window_size_of(int fd);

/// The terminal in raw mode, as it was again on destruction. One at a time.
///
/// Fatal signals (SIGSEGV, SIGABRT, ...) restore it too before they end the process; SIGTERM and its like are the
/// caller's to handle, so that destructors run.
class raw_mode {
public:
    /// Errors: errno of tcgetattr and tcsetattr. `fd` is borrowed.
    static result<raw_mode> enter(int fd);

    raw_mode(raw_mode&&) noexcept;
    raw_mode& operator=(raw_mode&&) = delete;
    ~raw_mode();

    /// Raw again, after the process was stopped and continued: the shell had the terminal in between.
    void resume() noexcept;

    /// As it was, at once: also while what was printed cannot be shown, for the terminal is held or nobody looks at it.
    void give_up() noexcept;

private:
    raw_mode(int fd, std::unique_ptr<termios> saved) noexcept;

    int fd_;
    std::unique_ptr<termios> saved_;
};

}  // namespace vminit::vminitctl

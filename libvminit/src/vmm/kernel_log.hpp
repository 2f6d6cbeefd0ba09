// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vminit::vmm {

/// The log of a Linux kernel in a piece of its memory, one message a line as far as that can be told: found by its
/// first line, at most 256 KiB. Pure. Nothing: it does not begin in this piece.
std::optional<std::string> find_kernel_log(std::string_view memory);

/// What a log with `Alt+SysRq+T` in it says before that, and of the threads of PID 1.
struct kernel_story {
    std::string messages;
    std::string init_threads;

    /// Whether the kernel came as far as to start PID 1.
    bool has_started_init() const { return messages.find(" as init process") != std::string::npos; }
};

/// Pure.
kernel_story story_of(std::string_view log);

/// The last `count` lines of `text`, each ended by a newline.
std::string last_lines(std::string_view text, std::size_t count);

}  // namespace vminit::vmm

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit {

/// Writes log lines to a console that may stall, without ever stalling the loop.
///
/// A serial console is slow and stops altogether when nobody drains it; a blocking write to it would hold up PID 1. This
/// keeps lines the console does not take yet (64 KiB: a boot's worth) and writes them when it does; beyond that the oldest
/// whole lines go, counted and told. Use from the loop's thread; what is pending at destruction is tried once.
class console {
public:
    static constexpr std::size_t max_pending = 64 * 1024;
    static constexpr std::size_t max_line = 16 * 1024;  ///< longer lines are cut: a quarter of what may be pending

    /// Takes over `fd`, which must be in non-blocking mode and pollable, or an ordinary file.
    console(asio::io_context& context, unique_fd fd);

    /// There is none yet: lines are kept, within the same bound, for `show_on`.
    explicit console(asio::io_context& context);

    ~console();
    console(const console&) = delete;
    console& operator=(const console&) = delete;

    /// Opens what `fd` refers to a second time, non-blocking, so that others who write to `fd` are not affected; a pipe or
    /// socket, which cannot be reopened, is duplicated. Errors: errno of open or dup.
    static result<unique_fd> reopen(int fd);

    /// For one that was made without: `fd` as above. What was kept is written first.
    void show_on(unique_fd fd);

    /// Queues the line (without newline) and writes as much as the console takes.
    void write_line(std::string_view line);

    std::size_t pending() const noexcept;
    std::uint64_t dropped_lines() const noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace vminit

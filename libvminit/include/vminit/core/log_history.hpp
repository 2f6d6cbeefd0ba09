// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"

namespace vminit {

/// The end of our own log, for who asks for it later. It holds nobody up: when it is full, the oldest lines go, whoever
/// reads them. All its memory is taken when it is made, so that a log that fills does not look like a leak.
///
/// Lines have numbers: the first that was logged is 0. Use from the loop's thread.
class log_history : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    /// A boot's worth, and that of some containers, as on the console; each line counts 64 bytes beside its text.
    static constexpr std::size_t max_bytes = std::size_t{64} << 10;

    /// A line that is kept, as it was logged.
    struct line {
        clock::time_point time;
        log_level level;
        std::string text;
    };

    /// `context` must be an `io_context`. Opens the descriptors of its reactor, if nothing has yet.
    explicit log_history(asio::execution_context& context);

    /// A sink that keeps each line before it hands it to `next`. It must not outlive the context.
    log_sink keeping(log_sink next);

    void add(log_level level, std::string_view text) noexcept;

    /// The oldest line that is there, and the one after the newest.
    std::uint64_t begin() const noexcept { return end_ - count_; }
    std::uint64_t end() const noexcept { return end_; }

    /// A copy. `number` is at least `begin` and below `end`.
    line at(std::uint64_t number) const;

    /// Returns when more came, or spuriously. False if the caller has been cancelled.
    awaitable<bool> wait() { return changed_.wait(); }

private:
    void shutdown() noexcept override {}
    // Without constructors: what is not used yet costs no page.
    struct entry {
        clock::rep time;
        log_level level;
        std::uint32_t begin, size;  // of its text in the ring
    };

    entry& entry_of(std::uint64_t number) const noexcept;
    void make_room(std::size_t wanted) noexcept;

    std::unique_ptr<char[]> ring_;
    std::unique_ptr<entry[]> entries_;
    std::size_t ring_end_ = 0;  // where the next text begins
    std::size_t bytes_ = 0;
    std::size_t count_ = 0;
    std::uint64_t end_ = 0;
    condition changed_;
};

}  // namespace vminit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/result.hpp"

namespace vminit::process {

/// The end of what a process has written to `log://`: a ring in our memory, which takes everything at once, so that it
/// holds back neither the process nor its exit. When it is full, or no memory is left to let it grow, the oldest bytes
/// go. It grows as it is filled, and lasts until its process is deleted, and longer for who reads it.
///
/// Bytes have numbers: the first that was written is 0.
class kept_output {
public:
    static constexpr std::size_t capacity = std::size_t{1} << 20;

    /// `count` has one more as long as this lives.
    explicit kept_output(executor ex, std::shared_ptr<std::size_t> count = std::make_shared<std::size_t>(0))
        : count_(std::move(count)), changed_(ex) {
        ++*count_;
    }
    ~kept_output() { --*count_; }
    kept_output(const kept_output&) = delete;
    kept_output& operator=(const kept_output&) = delete;

    void append(std::string_view bytes) noexcept;

    /// Nothing more comes. Idempotent.
    void finish() noexcept;
    bool is_finished() const noexcept { return is_finished_; }

    /// The oldest byte that is there, and the one after the newest.
    std::uint64_t begin() const noexcept { return begin_; }
    std::uint64_t end() const noexcept { return end_; }

    /// Where the last `lines` lines begin. A line that has no end yet is one, too.
    std::uint64_t tail(std::size_t lines) const noexcept;

    /// At most `most` bytes from number `at` on, which is between `begin` and `end`.
    std::string read(std::uint64_t at, std::size_t most) const;

    /// Returns when more came, or it is finished, or spuriously. False if the caller has been cancelled.
    awaitable<bool> wait() { return changed_.wait(); }

private:
    std::size_t kept() const noexcept { return static_cast<std::size_t>(end_ - begin_); }
    char at(std::uint64_t number) const noexcept { return bytes_[(first_ + (number - begin_)) % size_]; }
    void grow(std::size_t wanted) noexcept;
    void copy_out(std::uint64_t at, char* into, std::size_t count) const noexcept;
    void drop(std::size_t count) noexcept;

    std::shared_ptr<std::size_t> count_;
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;   // of `bytes_`
    std::size_t first_ = 0;  // where in it `begin_` is
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
    bool is_finished_ = false;
    condition changed_;
};

/// Makes them, within a bound.
class kept_outputs {
public:
    static constexpr std::size_t max_count = 16;  ///< of processes, not yet deleted: 16 MiB at worst

    /// Errors: resource_exhausted.
    result<std::shared_ptr<kept_output>> make(executor ex);

private:
    std::shared_ptr<std::size_t> count_ = std::make_shared<std::size_t>(0);  // outlives the last reader's
};

}  // namespace vminit::process

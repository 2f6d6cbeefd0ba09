// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/kept_output.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace vminit::process {

namespace {

constexpr std::size_t smallest = std::size_t{4} << 10;

}  // namespace

void kept_output::append(std::string_view bytes) noexcept {
    if (bytes.empty() || is_finished_) return;
    grow(std::min(kept() + bytes.size(), capacity));
    auto stored = bytes.substr(bytes.size() - std::min(bytes.size(), size_));
    auto room = size_ - kept();
    if (stored.size() > room) drop(stored.size() - room);
    // What is longer than the ring leaves nothing of before.
    end_ += bytes.size() - stored.size();
    if (stored.size() < bytes.size()) begin_ = end_;
    auto place = size_ == 0 ? 0 : (first_ + kept()) % size_;
    auto front = std::min(stored.size(), size_ - place);
    if (front > 0) std::memcpy(bytes_.get() + place, stored.data(), front);
    if (stored.size() > front) std::memcpy(bytes_.get(), stored.data() + front, stored.size() - front);
    end_ += stored.size();
    changed_.notify_all();
}

void kept_output::drop(std::size_t count) noexcept {
    begin_ += count;
    first_ = (first_ + count) % size_;
}

// Without memory it stays as it is.
void kept_output::grow(std::size_t wanted) noexcept {
    if (wanted <= size_) return;
    auto size = std::max(std::bit_ceil(wanted), smallest);
    std::unique_ptr<char[]> larger(new (std::nothrow) char[size]);
    if (!larger) return;
    copy_out(begin_, larger.get(), kept());
    bytes_ = std::move(larger);
    size_ = size;
    first_ = 0;
}

void kept_output::copy_out(std::uint64_t at, char* into, std::size_t count) const noexcept {
    if (count == 0) return;
    auto place = (first_ + static_cast<std::size_t>(at - begin_)) % size_;
    auto front = std::min(count, size_ - place);
    std::memcpy(into, bytes_.get() + place, front);
    if (count > front) std::memcpy(into + front, bytes_.get(), count - front);
}

void kept_output::finish() noexcept {
    if (std::exchange(is_finished_, true)) return;
    changed_.notify_all();
}

std::uint64_t kept_output::tail(std::size_t lines) const noexcept {
    if (lines == 0 || begin_ == end_) return end_;
    auto number = end_ - 1;  // an end of line there is the last line's own
    for (; number > begin_; --number) {
        if (at(number - 1) == '\n' && --lines == 0) break;
    }
    return number;
}

std::string kept_output::read(std::uint64_t at, std::size_t most) const {
    std::string piece(std::min(most, static_cast<std::size_t>(end_ - at)), '\0');
    copy_out(at, piece.data(), piece.size());
    return piece;
}

result<std::shared_ptr<kept_output>> kept_outputs::make(executor ex) {
    if (*count_ < max_count) return std::make_shared<kept_output>(ex, count_);
    static_assert(max_count == 16);
    return error(errc::resource_exhausted, "the output of 16 processes is kept already");
}

}  // namespace vminit::process

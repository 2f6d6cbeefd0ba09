// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/log_history.hpp"

#include <algorithm>
#include <utility>

namespace vminit {

namespace {

constexpr std::size_t line_overhead = 64;
constexpr std::size_t max_lines = log_history::max_bytes / line_overhead;

std::size_t cost_of(std::size_t text) noexcept { return text + line_overhead; }

}  // namespace

log_history::log_history(asio::execution_context& context)
    : asio::execution_context::service(context),
      ring_(std::make_unique_for_overwrite<char[]>(max_bytes)),
      entries_(std::make_unique_for_overwrite<entry[]>(max_lines)),
      changed_(static_cast<asio::io_context&>(context).get_executor()) {}

log_sink log_history::keeping(log_sink next) {
    return [this, next = std::move(next)](log_level level, std::string_view line) {
        add(level, line);
        next(level, line);
    };
}

log_history::entry& log_history::entry_of(std::uint64_t number) const noexcept { return entries_[number % max_lines]; }

void log_history::add(log_level level, std::string_view text) noexcept {
    text = text.substr(0, max_bytes - line_overhead);
    make_room(cost_of(text.size()));
    auto before_the_seam = std::min(text.size(), max_bytes - ring_end_);
    std::copy_n(text.data(), before_the_seam, ring_.get() + ring_end_);
    std::copy(text.begin() + static_cast<std::ptrdiff_t>(before_the_seam), text.end(), ring_.get());
    entry_of(end_) = {clock::now().time_since_epoch().count(), level, static_cast<std::uint32_t>(ring_end_),
                      static_cast<std::uint32_t>(text.size())};
    ring_end_ = (ring_end_ + text.size()) % max_bytes;
    bytes_ += cost_of(text.size());
    ++count_;
    ++end_;
    changed_.notify_all();
}

log_history::line log_history::at(std::uint64_t number) const {
    const auto& found = entry_of(number);
    auto before_the_seam = std::min<std::size_t>(found.size, max_bytes - found.begin);
    std::string text(ring_.get() + found.begin, before_the_seam);
    text.append(ring_.get(), found.size - before_the_seam);
    return line{clock::time_point(clock::duration(found.time)), found.level, std::move(text)};
}

void log_history::make_room(std::size_t wanted) noexcept {
    while (count_ > 0 && bytes_ + wanted > max_bytes) {
        bytes_ -= cost_of(entry_of(begin()).size);
        --count_;
    }
}

}  // namespace vminit

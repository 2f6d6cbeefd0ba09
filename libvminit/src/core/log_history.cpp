// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/log_history.hpp"

#include <exception>
#include <utility>

namespace vminit {

namespace {

constexpr std::size_t line_overhead = 64;

std::size_t cost_of(std::string_view text) noexcept { return text.size() + line_overhead; }

}  // namespace

log_history::log_history(asio::execution_context& context)
    : asio::execution_context::service(context), changed_(static_cast<asio::io_context&>(context).get_executor()) {}

log_sink log_history::keeping(log_sink next) {
    return [this, next = std::move(next)](log_level level, std::string_view line) {
        add(level, line);
        next(level, line);
    };
}

void log_history::add(log_level level, std::string_view text) noexcept {
    text = text.substr(0, max_bytes - line_overhead);
    make_room(cost_of(text));
    ++end_;
    try {
        lines_.push_back(line{clock::now(), level, std::string(text)});
        bytes_ += cost_of(text);
    } catch (const std::exception&) {
        // The numbers of what is there have no gaps: what cannot be kept is as if it, and all before it, were too old.
        lines_.clear();
        bytes_ = 0;
    }
    changed_.notify_all();
}

void log_history::make_room(std::size_t wanted) noexcept {
    while (!lines_.empty() && bytes_ + wanted > max_bytes) {
        bytes_ -= cost_of(lines_.front().text);
        lines_.pop_front();
    }
}

}  // namespace vminit

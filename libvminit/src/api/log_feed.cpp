// SPDX-License-Identifier: Apache-2.0
#include "log_feed.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "vminit/system/system_service.hpp"

namespace vminit::api {

namespace {

namespace wire = vminit::system::v1;

constexpr int lines_a_turn = 64;  // of the loop, and in a message

// Far above what a log holds: who did not ask to follow is not kept by lines that come faster than they are sent.
constexpr std::size_t most_lines = 65536;

constexpr unsigned debug_level = 7;

unsigned syslog_level(log_level level) noexcept {
    switch (level) {
        case log_level::debug:
            return debug_level;
        case log_level::info:
            return 6;
        case log_level::warn:
            return 4;
        case log_level::error:
            return 3;
    }
    return 3;
}

std::uint64_t microseconds(clock::time_point time) noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

}  // namespace

log_feed::log_feed(log_history& own, const wire::LogsRequest& request)
    : own_(own),
      level_(request.has_level() ? request.level() : debug_level),
      wants_own_(request.source() != wire::LogsRequest::KERNEL),
      is_followed_(request.follow()) {}

result<log_feed> log_feed::open(asio::io_context& context, const wire::LogsRequest& request) {
    if (!wire::LogsRequest::Source_IsValid(request.source())) {
        return error(errc::invalid_argument, "source " + std::to_string(request.source()) + " of a log");
    }
    if (request.level() > debug_level) {
        return error(errc::invalid_argument, "level " + std::to_string(request.level()) + ": 0 (emerg) to 7 (debug)");
    }
    log_feed feed(asio::use_service<log_history>(context), request);
    if (request.source() == wire::LogsRequest::VMINITD) return feed;
    const auto& path = asio::use_service<system::system_service>(context).config().kernel_log;
    auto kernel = system::kernel_log::open(context.get_executor(), path);
    if (!kernel) return kernel.error();
    feed.kernel_.emplace(std::move(*kernel));
    return feed;
}

awaitable<result<void>> log_feed::send(output& out) {
    for (;;) {
        wire::LogsResponse message;
        auto has_more = fill(message);
        if (!has_more) co_return has_more.error();
        if (message.lines_size() > 0) {
            auto written = co_await out.write(message);
            if (!written) co_return written.error();
        }
        if (*has_more) {
            co_await asio::post(use_awaitable);
        } else if (is_followed_) {
            co_await wait();
        } else {
            co_return result<void>();
        }
    }
}

result<bool> log_feed::fill(wire::LogsResponse& message) {
    for (int count = 0; count < lines_a_turn; ++count) {
        auto is_kernels = is_kernels_turn();
        if (!is_kernels) return is_kernels.error();
        bool is_enough = !is_followed_ && ++looked_at_ > most_lines;
        if (is_enough || (!*is_kernels && !has_own_line())) return false;
        if (*is_kernels) {
            take_kernel_line(message);
        } else {
            take_own_line(message);
        }
    }
    return true;
}

result<bool> log_feed::is_kernels_turn() {
    if (kernel_ && !record_) {
        auto next = kernel_->next();
        if (!next) return next.error();
        // Not assigned: GCC 12 takes the empty one for uninitialised.
        if (*next) record_.emplace(std::move(**next));
    }
    if (!record_) return false;
    return !has_own_line() || record_->time_us <= microseconds(own_.at(own_number_).time);
}

bool log_feed::has_own_line() {
    if (own_number_ < own_.begin()) own_lost_ += own_.begin() - std::exchange(own_number_, own_.begin());
    return wants_own_ && own_number_ < own_.end();
}

void log_feed::take_kernel_line(wire::LogsResponse& message) {
    auto record = std::move(*record_);
    record_.reset();
    kernel_lost_ += record.lost;
    if (record.level > level_) return;
    auto& line = *message.add_lines();
    line.set_source(wire::LogsRequest::KERNEL);
    line.set_level(record.level);
    line.set_time_us(record.time_us);
    line.set_sequence(record.sequence);
    line.set_text(std::move(record.text));
    line.set_lost(std::exchange(kernel_lost_, 0));
}

void log_feed::take_own_line(wire::LogsResponse& message) {
    auto number = own_number_++;
    const auto& logged = own_.at(number);
    auto level = syslog_level(logged.level);
    if (level > level_) return;
    auto& line = *message.add_lines();
    line.set_source(wire::LogsRequest::VMINITD);
    line.set_level(level);
    line.set_time_us(microseconds(logged.time));
    line.set_sequence(number);
    line.set_text(logged.text);
    line.set_lost(std::exchange(own_lost_, 0));
}

awaitable<void> log_feed::wait() {
    using namespace asio::experimental::awaitable_operators;
    // The end of a log that is no kernel's would be ready for ever.
    if (kernel_ && !kernel_->is_over()) {
        co_await (own_.wait() || kernel_->wait());
    } else {
        co_await own_.wait();
    }
}

}  // namespace vminit::api

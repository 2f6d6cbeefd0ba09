// SPDX-License-Identifier: Apache-2.0
#include "console_reader.hpp"

#include <array>
#include <boost/asio/buffer.hpp>

namespace vminit::vmm {

console_reader::console_reader(asio::io_context& context, ttrpc::stream_socket socket, console_log log)
    : connection_(std::make_shared<connection>(std::move(socket), *this)),
      log_(std::move(log)),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    tasks_.spawn("console", read(connection_));
}

console_reader::~console_reader() {
    connection_->owner = nullptr;
    tasks_.stop();
}

awaitable<void> console_reader::read(std::shared_ptr<connection> from) {
    std::array<char, 4096> block{};
    for (;;) {
        auto [failure, count] = co_await from->socket.async_read_some(asio::buffer(block), as_tuple_awaitable);
        if (from->owner == nullptr) co_return;
        if (failure) co_return from->owner->end();
        from->owner->log_.write(std::string_view(block.data(), count));
        from->owner->take(std::string_view(block.data(), count));
    }
}

void console_reader::end() {
    is_over_ = true;
    changed_.notify_all();
}

void console_reader::take(std::string_view bytes) {
    for (char byte : bytes) {
        bool is_end = byte == '\n';
        if (!is_end && byte != '\r' && current_.size() < longest_line) current_.push_back(byte);
        if (!is_end) continue;
        if (!wanted_.empty() && current_.find(wanted_) != std::string::npos) is_found_ = true;
        lines_.push_back(std::exchange(current_, {}));
        if (lines_.size() > kept_lines) lines_.pop_front();
    }
    changed_.notify_all();
}

awaitable<bool> console_reader::wait_for(std::string part) {
    is_found_ = false;
    for (const auto& line : lines_) is_found_ = is_found_ || line.find(part) != std::string::npos;
    wanted_ = std::move(part);
    while (!is_found_ && !is_over_) {
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) break;
        co_await changed_.wait();
    }
    co_return is_found_;
}

awaitable<void> console_reader::over() {
    while (!is_over_) {
        bool goes_on = co_await changed_.wait();
        if (!goes_on) co_return;
    }
}

std::string console_reader::last_lines(std::size_t count) const {
    std::string text;
    auto first = lines_.size() > count ? lines_.size() - count : 0;
    for (auto index = first; index < lines_.size(); ++index) text.append(lines_[index]).append("\n");
    return text + current_;
}

}  // namespace vminit::vmm

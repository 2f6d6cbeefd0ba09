#include "console_reader.hpp"

#include <array>
#include <boost/asio/buffer.hpp>

namespace vminit::vmm {

console_reader::console_reader(asio::io_context& context, ttrpc::stream_socket socket, console_log log)
    : socket_(std::move(socket)),
      log_(std::move(log)),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    tasks_.spawn("console", read());
}

console_reader::~console_reader() {
    tasks_.stop();
    error_code ignored;
    socket_.close(ignored);
}

awaitable<void> console_reader::read() {
    std::array<char, 4096> block{};
    for (;;) {
        auto [failure, count] = co_await socket_.async_read_some(asio::buffer(block), as_tuple_awaitable);
        if (failure) break;
        log_.write(std::string_view(block.data(), count));
        take(std::string_view(block.data(), count));
    }
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
        if (!co_await changed_.wait()) co_return;
    }
}

std::string console_reader::last_lines(std::size_t count) const {
    std::string text;
    auto first = lines_.size() > count ? lines_.size() - count : 0;
    for (auto index = first; index < lines_.size(); ++index) text.append(lines_[index]).append("\n");
    return text + current_;
}

}  // namespace vminit::vmm

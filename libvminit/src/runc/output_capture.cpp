// SPDX-License-Identifier: Apache-2.0
#include "runc/output_capture.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

// One turn of the loop takes no more than a pipe holds; the rest waits for the next.
constexpr std::size_t max_read_per_turn = std::size_t{64} << 10;

}  // namespace

output_capture::output_capture(executor ex, std::size_t limit, capture_part part)
    : pipe_(ex), limit_(limit), part_(part) {}

result<unique_fd> output_capture::start() {
    auto ends = syscalls::pipe();
    if (!ends) return ends.error();
    error_code failed;
    pipe_.assign(ends->read_end.get(), failed);
    if (failed) return error(failed, "watch pipe");
    (void)ends->read_end.release();
    pipe_.native_non_blocking(true, failed);
    if (failed) return error(failed, "set pipe non-blocking");
    wait();
    return std::move(ends->write_end);
}

// Waiting and reading are two steps: an asynchronous read could have taken bytes that `finish` would not see.
void output_capture::wait() {
    auto weak = weak_from_this();
    pipe_.async_wait(asio::posix::descriptor_base::wait_read, [weak](error_code failed) {
        auto self = weak.lock();
        if (!self || failed || !self->pipe_.is_open()) return;
        if (self->read_available(max_read_per_turn) == pipe_state::empty) self->wait();
    });
}

std::string output_capture::finish() {
    read_available(max_final_read);
    error_code ignored;
    pipe_.close(ignored);
    if (text_.size() > limit_) {  // only a tail grows beyond its limit
        text_.erase(0, text_.size() - limit_);
        is_truncated_ = true;
    }
    return std::move(text_);
}

output_capture::pipe_state output_capture::read_available(std::size_t most) {
    std::array<char, 4096> buffer;
    for (std::size_t total = 0; pipe_.is_open() && total < most;) {
        auto count = syscalls::raw("read", [&] { return ::read(pipe_.native_handle(), buffer.data(), buffer.size()); });
        if (!count) return count.error().value() == EAGAIN ? pipe_state::empty : pipe_state::ended;
        if (*count == 0) return pipe_state::ended;
        take(std::string_view(buffer.data(), static_cast<std::size_t>(*count)));
        total += static_cast<std::size_t>(*count);
    }
    return pipe_state::empty;
}

void output_capture::take(std::string_view bytes) {
    auto room = part_ == capture_part::tail ? bytes.size() : std::min(bytes.size(), limit_ - text_.size());
    text_.append(bytes.substr(0, room));
    if (room < bytes.size()) is_truncated_ = true;
    if (text_.size() > 2 * limit_) {
        text_.erase(0, text_.size() - limit_);
        is_truncated_ = true;
    }
}

}  // namespace vminit::runc

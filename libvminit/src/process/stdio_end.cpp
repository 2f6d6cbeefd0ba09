// SPDX-License-Identifier: Apache-2.0
#include "process/stdio_end.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "process/file_output.hpp"
#include "vminit/core/stream_send.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/process/kept_output.hpp"

namespace vminit::process {

result<std::shared_ptr<stdio_end>> stdio_end::adopt(executor ex, unique_fd fd, end_kind kind) {
    descriptor open(ex);
    error_code failure;
    open.assign(fd.get(), failure);
    if (failure) return error(failure, "watch stdio");
    [[maybe_unused]] int owned_by_descriptor = fd.release();
    open.non_blocking(true, failure);
    if (failure) return error(failure, "make stdio non-blocking");
    std::shared_ptr<stdio_end> end(new stdio_end(std::move(open), kind));
    if (kind == end_kind::socket) end->largest_send_ = largest_send(end->fd());
    return end;
}

void stdio_end::widen(int pipe) noexcept { (void)::fcntl(pipe, F_SETPIPE_SZ, pipe_capacity); }

std::shared_ptr<stdio_end> stdio_end::adopt_file(io_environment& environment, unique_fd file) {
    std::shared_ptr<stdio_end> end(new stdio_end(descriptor(environment.ex()), end_kind::file));
    end->file_ = std::make_shared<file_output>(environment, std::move(file));
    return end;
}

std::shared_ptr<stdio_end> stdio_end::adopt_log(executor ex, std::shared_ptr<kept_output> log) {
    std::shared_ptr<stdio_end> end(new stdio_end(descriptor(ex), end_kind::log));
    end->log_ = std::move(log);
    return end;
}

boost::system::result<std::size_t> stdio_end::read(char* into, std::size_t size) {
    auto count = syscalls::raw("read", [&] { return ::read(fd(), into, size); });
    if (!count) return count.error();
    return static_cast<std::size_t>(*count);
}

boost::system::result<std::size_t> stdio_end::write(std::string_view bytes) {
    if (file_) return file_->write(bytes);
    if (log_) {
        log_->append(bytes);
        return bytes.size();
    }
    if (kind_ == end_kind::socket) return send_some("write", fd(), bytes, largest_send_);
    auto count = syscalls::raw("write", [&] { return ::write(fd(), bytes.data(), bytes.size()); });
    if (!count) return count.error();
    return static_cast<std::size_t>(*count);
}

awaitable<void> stdio_end::wait(readiness which) {
    if (file_) co_return co_await file_->wait();
    if (!is_open()) co_return;
    auto event = which == readiness::readable ? descriptor::wait_read : descriptor::wait_write;
    co_await descriptor_.async_wait(event, as_tuple_awaitable);
}

awaitable<void> stdio_end::wait_until(readiness which, clock::time_point deadline) {
    if (deadline <= clock::now()) co_return;
    // A timer that ends the wait: `||` would throw in the loser, each time.
    timer limit(descriptor_.get_executor());
    if (deadline != clock::time_point::max()) {
        limit.expires_at(deadline);
        limit.async_wait([weak = weak_from_this()](error_code failure) {
            auto self = weak.lock();
            if (!failure && self) self->poke();
        });
    }
    co_await wait(which);
}

bool stdio_end::is_settled() const noexcept { return !file_ || !file_->is_writing(); }

awaitable<void> stdio_end::settled(clock::time_point deadline) {
    while (!is_settled() && clock::now() < deadline) co_await wait_until(readiness::writable, deadline);
}

void stdio_end::poke() {
    error_code ignored;
    if (file_) file_->poke();
    if (descriptor_.is_open()) descriptor_.cancel(ignored);
}

std::size_t stdio_end::pending() const noexcept {
    int count = 0;
    if (!descriptor_.is_open() || ::ioctl(descriptor_.native_handle(), FIONREAD, &count) != 0 || count < 0) return 0;
    return static_cast<std::size_t>(count);
}

void stdio_end::finish_writing() {
    // Hosts take the closing for the end of output; a half-close does not get through every vsock device. A second
    // user of the same stream has a descriptor of its own, so the connection ends with the last of them.
    if (kind_ != end_kind::terminal) close();
}

void stdio_end::close() {
    error_code ignored;
    descriptor_.close(ignored);
    file_.reset();
    if (auto log = std::exchange(log_, {})) log->finish();
}

bool stdio_end::is_away(const error_code& failure) const noexcept {
    return kind_ == end_kind::terminal && failure.value() == EIO;
}

}  // namespace vminit::process

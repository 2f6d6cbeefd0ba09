// SPDX-License-Identifier: Apache-2.0
#include "process/file_output.hpp"

#include <cerrno>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::process {

file_output::file_output(io_environment& environment, unique_fd file)
    : environment_(environment),
      pool_(asio::use_service<blocking_service>(environment.context)),
      file_(std::make_shared<unique_fd>(std::move(file))),
      changed_(environment.ex()) {}

boost::system::result<std::size_t> file_output::write(std::string_view bytes) try {
    if (failure_) return std::exchange(failure_, {});
    if (is_writing_) return syscalls::detail::errno_code(EAGAIN);
    environment_.background->spawn("file output", write_piece(shared_from_this(), std::string(bytes)));
    is_writing_ = true;
    return bytes.size();
} catch (const std::bad_alloc&) {
    return syscalls::detail::errno_code(ENOMEM);
}

awaitable<void> file_output::write_piece(std::shared_ptr<file_output> self, std::string piece) {
    // Also when an exception ends it: the next piece must get its turn.
    struct at_end {
        file_output& output;
        ~at_end() {
            output.is_writing_ = false;
            output.changed_.notify_all();
        }
    } ending{*self};
    // A container that goes away does not take back what was printed.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    auto job = [file = self->file_, piece = std::move(piece)] {
        return syscalls::write_all(file->get(), piece, "stdout");
    };
    auto written = co_await self->pool_.run(blocking_lane::files, std::move(job), "write output of a terminal");
    if (!written) self->failure_ = written.error().code();
}

awaitable<void> file_output::wait() {
    if (is_writing_) co_await changed_.wait();
}

}  // namespace vminit::process

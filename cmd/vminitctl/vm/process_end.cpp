// SPDX-License-Identifier: Apache-2.0
#include "vm/process_end.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "vminit/core/syscalls.hpp"

namespace vminit::vminitctl {

unique_fd open_process(pid_t pid) {
    auto opened = syscalls::raw("pidfd_open", [&] { return ::syscall(SYS_pidfd_open, pid, 0); });
    return opened ? unique_fd(static_cast<int>(*opened)) : unique_fd();
}

// Asio may tell of an event of a descriptor that was closed a moment ago: so the kernel is asked.
awaitable<void> process_end(asio::io_context& context, unique_fd process) {
    if (!process) co_return;
    asio::posix::basic_stream_descriptor<executor> watched(context.get_executor(), process.release());
    while (!is_readable(watched.native_handle()))
        co_await watched.async_wait(decltype(watched)::wait_read, use_awaitable);
}

bool is_readable(int descriptor) {
    pollfd asked{descriptor, POLLIN, 0};
    auto count = syscalls::raw("poll", [&] { return ::poll(&asked, 1, 0); });
    return count && *count == 1;
}

void signal_process(const unique_fd& process, int signal) {
    if (process)
        (void)syscalls::raw("pidfd_send_signal",
                            [&] { return ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0); });
}

}  // namespace vminit::vminitctl

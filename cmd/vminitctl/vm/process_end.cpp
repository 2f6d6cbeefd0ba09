#include "vm/process_end.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "vminit/core/syscalls.hpp"

namespace vminit::vminitctl {

unique_fd open_process(pid_t pid) {
    auto opened = syscalls::raw("pidfd_open", [&] { return ::syscall(SYS_pidfd_open, pid, 0); });
    return opened ? unique_fd(static_cast<int>(*opened)) : unique_fd();
}

awaitable<void> process_end(asio::io_context& context, unique_fd process) {
    if (!process) co_return;
    asio::posix::basic_stream_descriptor<executor> watched(context.get_executor(), process.release());
    co_await watched.async_wait(decltype(watched)::wait_read, use_awaitable);
}

void signal_process(const unique_fd& process, int signal) {
    if (process)
        (void)syscalls::raw("pidfd_send_signal",
                            [&] { return ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0); });
}

}  // namespace vminit::vminitctl

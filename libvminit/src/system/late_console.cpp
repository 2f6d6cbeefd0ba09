// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/late_console.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <memory>
#include <utility>

#include "vminit/core/blocking.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

// The read must come first: it is what the next notice is counted from.
result<unique_fd> try_console(int active, const std::string& device) {
    std::array<char, 256> names{};
    (void)syscalls::raw("pread", [&] { return ::pread(active, names.data(), names.size(), 0); });
    return syscalls::open(device, O_RDWR | O_NOCTTY);
}

}  // namespace

awaitable<result<unique_fd>> await_console(asio::io_context& context, console_paths paths) {
    auto opened = syscalls::open(paths.active, O_RDONLY | O_NONBLOCK);
    if (!opened) co_return opened.error();
    // The job may outlive us; notices belong to the open file, which both descriptors share.
    auto copy = syscalls::check("dup", paths.active, [&] { return ::fcntl(opened->get(), F_DUPFD_CLOEXEC, 0); });
    if (!copy) co_return copy.error();
    auto shared = std::make_shared<unique_fd>(static_cast<int>(*copy));
    asio::posix::basic_stream_descriptor<executor> notices(context.get_executor(), opened->release());
    auto& pool = asio::use_service<blocking_service>(context);
    for (;;) {
        auto job = [shared, device = paths.device] { return try_console(shared->get(), device); };
        auto console = co_await pool.run(blocking_lane::files, std::move(job), "open " + paths.device);
        if (console) co_return std::move(*console);
        auto [failure] = co_await notices.async_wait(notices.wait_error, as_tuple_awaitable);
        if (failure) co_return error(failure, paths.active);
    }
}

}  // namespace vminit::system

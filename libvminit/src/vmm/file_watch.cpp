// SPDX-License-Identifier: Apache-2.0
#include "file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "vminit/core/syscalls.hpp"

namespace vminit::vmm {

awaitable<result<void>> wait_for_file(std::string path) {
    auto directory = path.substr(0, path.rfind('/') + 1);
    auto opened = syscalls::check("inotify_init1", {}, [] { return ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK); });
    if (!opened) co_return opened.error();
    asio::posix::basic_stream_descriptor<executor> changes(co_await asio::this_coro::executor,
                                                           static_cast<int>(*opened));
    auto watched = syscalls::check("inotify_add_watch", directory, [&] {
        return ::inotify_add_watch(changes.native_handle(), directory.c_str(), IN_CREATE | IN_MOVED_TO);
    });
    if (!watched) co_return watched.error();
    std::array<char, 4096> events{};
    // Looked for only after the watch is there: what comes before it is seen here, what comes after it wakes us.
    while (::access(path.c_str(), F_OK) != 0) {
        auto [failure, count] = co_await changes.async_read_some(asio::buffer(events), as_tuple_awaitable);
        if (failure) co_return error(errc::cancelled, "wait for " + path);
    }
    co_return result<void>();
}

}  // namespace vminit::vmm

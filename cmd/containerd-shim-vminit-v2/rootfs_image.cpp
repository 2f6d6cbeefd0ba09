// SPDX-License-Identifier: Apache-2.0
#include "rootfs_image.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/system/mount.hpp"

namespace vminit::shim {

namespace {

constexpr auto mkfs_limit = std::chrono::hours(1);
constexpr std::size_t longest_words = 4096;  // of mkfs's complaint

result<void> mount_each(const std::vector<system::mount_entry>& mounts, const std::string& directory) {
    for (const auto& entry : mounts) {
        auto mounted = system::mount_filesystem(entry, directory);
        if (mounted) continue;
        (void)system::unmount_all(directory, system::unmount_mode::lazy);
        return mounted.error();
    }
    return {};
}

// What a child says, up to a bound; read to its end, so that the child never waits for us.
awaitable<std::string> words_of(executor ex, unique_fd pipe) {
    asio::posix::basic_stream_descriptor<executor> source(ex, pipe.release());
    std::string words;
    std::array<char, 1024> block{};
    for (;;) {
        auto [failure, count] = co_await source.async_read_some(asio::buffer(block), as_tuple_awaitable);
        if (failure) co_return words;
        words.append(block.data(), std::min(count, longest_words - words.size()));
    }
}

error mkfs_error(int status, const std::string& words, const std::string& image) {
    // The reason is in two lines of its own words; this is the one that people meet.
    if (words.find("No space left") != std::string::npos)
        return error(errc::resource_exhausted, image + ": No space left on device");
    return error(errc::unknown, fmt::format("mkfs.erofs ended with {}: {}", status, trimmed(words)));
}

awaitable<result<void>> run_mkfs(asio::io_context& context, std::string program, std::string image, std::string tree) {
    auto pipe = syscalls::pipe();
    if (!pipe) co_return pipe.error();
    std::vector<std::string> command{program, "--quiet", image, std::move(tree)};
    reaper::spawn_options options(program, std::move(command));
    options.group = reaper::process_group::own;
    options.parent_death_signal = SIGKILL;
    options.stdout_fd = options.stderr_fd = pipe->write_end.get();
    auto launched = asio::use_service<reaper::reaper_service>(context).launch(std::move(options));
    if (!launched) co_return launched.error();
    pipe->write_end = unique_fd();
    auto words = co_await words_of(context.get_executor(), std::move(pipe->read_end));
    auto ended = co_await launched->wait_for(mkfs_limit);
    if (!ended) {
        (void)launched->signal_group(SIGKILL);
        co_return error(errc::deadline_exceeded, "mkfs.erofs");
    }
    if (ended->value != 0) co_return mkfs_error(ended->value, words, image);
    co_return result<void>();
}

}  // namespace

awaitable<result<void>> make_rootfs_image(asio::io_context& context, std::vector<system::mount_entry> mounts,
                                          std::string directory, std::string image, std::string mkfs_erofs) {
    auto& pool = asio::use_service<blocking_service>(context);
    auto mount = [mounts, directory] { return mount_each(mounts, directory); };
    auto mounted = co_await pool.run(blocking_lane::mounts, mount);
    if (!mounted) co_return mounted.error().within("rootfs");
    auto made = co_await run_mkfs(context, mkfs_erofs, image, directory);
    auto unmount = [directory] { return system::unmount_all(directory, system::unmount_mode::lazy); };
    auto unmounted = co_await pool.run(blocking_lane::mounts, unmount);
    if (!unmounted) log_of(context).warn("rootfs stays mounted", {{"error", unmounted.error()}});
    if (made) co_return result<void>();
    ::unlink(image.c_str());
    co_return made.error().within("rootfs");
}

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "inherited_descriptor.hpp"
#include "terminal.hpp"
#include "vm/process_end.hpp"
#include "vm/vm_commands.hpp"
#include "vm/vm_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::vminitctl {

using namespace asio::experimental::awaitable_operators;

namespace {

using watcher = asio::posix::basic_stream_descriptor<executor>;

// What could drive a terminal is not shown on one.
std::string shown_part(std::string_view bytes, bool is_screen) {
    if (!is_screen) return std::string(bytes);
    std::string shown;
    for (char byte : bytes) {
        bool is_control = (static_cast<unsigned char>(byte) < ' ' && byte != '\n' && byte != '\t') || byte == '\x7f';
        if (byte != '\r') shown.push_back(is_control ? '?' : byte);
    }
    return shown;
}

/// The console's file, also when it begins anew.
class console_file_reader {
public:
    console_file_reader(std::string path, inherited_descriptor& target, bool is_screen)
        : path_(std::move(path)), target_(target), is_screen_(is_screen) {}

    result<void> open() {
        auto opened = syscalls::open(path_, O_RDONLY);
        if (!opened) return opened.error();
        file_ = std::move(*opened);
        return {};
    }

    /// Prints all that is there.
    awaitable<result<void>> print() {
        for (;;) {
            auto got =
                syscalls::check("read", path_, [&] { return ::read(file_.get(), block_.data(), block_.size()); });
            if (!got) co_return got.error();
            if (*got == 0 && !is_replaced()) co_return result<void>();
            if (*got == 0 && !open()) co_return result<void>();
            auto shown = shown_part(std::string_view(block_.data(), static_cast<std::size_t>(*got)), is_screen_);
            auto written = co_await target_.write_all(shown);
            if (!written) co_return written.error();
        }
    }

private:
    bool is_replaced() const {
        struct stat ours = {};
        struct stat named = {};
        return ::fstat(file_.get(), &ours) == 0 && ::stat(path_.c_str(), &named) == 0 && ours.st_ino != named.st_ino;
    }

    std::string path_;
    inherited_descriptor& target_;
    bool is_screen_;
    unique_fd file_;
    std::array<char, 16384> block_{};
};

result<watcher> watch_directory(asio::io_context& context, const std::string& directory) {
    auto made = syscalls::check("inotify_init1", {}, [] { return ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK); });
    if (!made) return made.error();
    watcher changes(context.get_executor(), static_cast<int>(*made));
    auto watched = syscalls::attempt("inotify_add_watch", directory, [&] {
        return ::inotify_add_watch(changes.native_handle(), directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    });
    if (!watched) return watched.error();
    return changes;
}

awaitable<void> next_change(watcher& changes) {
    std::array<char, 4096> events{};
    auto [failure, count] = co_await changes.async_read_some(asio::buffer(events), as_tuple_awaitable);
    (void)failure;
    (void)count;
}

awaitable<result<void>> follow(client_session& session, console_file_reader& console, std::string directory,
                               unique_fd keeper) {
    auto changes = watch_directory(session.context(), directory);
    if (!changes) co_return changes.error();
    for (;;) {
        auto printed = co_await console.print();
        if (!printed) co_return printed;
        auto outcome =
            co_await (next_change(*changes) || process_end(session.context(), unique_fd(::dup(keeper.get()))));
        if (outcome.index() == 1) co_return co_await console.print();
    }
}

}  // namespace

awaitable<result<int>> show_console(client_session& session, std::string name, bool is_once) {
    auto settings = machine_settings();
    if (!settings) co_return settings.error();
    auto path = vm_path(*settings, name);
    if (!path) co_return path.error();
    auto target = inherited_descriptor::open(session.context(), session.local().out, direction::out);
    if (!target) co_return target.error();
    auto known = vmm::read_record(*path);
    auto keeper = known && !is_once ? open_process(known->keeper) : unique_fd();
    console_file_reader console(*path + "/" + std::string(console_file), *target, is_terminal(session.local().out));
    if (auto opened = console.open(); !opened) co_return opened.error();
    result<void> printed;
    if (keeper) {
        printed = co_await follow(session, console, *path, std::move(keeper));
    } else {
        printed = co_await console.print();
    }
    if (!printed && printed.error().code() == boost::system::errc::broken_pipe) co_return exit_unread;
    if (!printed) co_return printed.error();
    co_return 0;
}

}  // namespace vminit::vminitctl

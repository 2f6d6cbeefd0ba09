// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/console.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <optional>

#include "vminit/core/syscalls.hpp"

namespace vminit {

// Shared with the pending wait, which may complete after the console is gone.
struct console::state : std::enable_shared_from_this<state> {
    state(asio::io_context& io, unique_fd descriptor) : context(io), fd(std::move(descriptor)) {}

    void push(std::string_view line) {
        while (!lines.empty() && pending() + line.size() + 1 > max_pending) drop_oldest();
        auto& entry = lines.emplace_back(line);
        entry.push_back('\n');
        waiting += entry.size();
    }

    void drop_oldest() {
        waiting -= lines.front().size();
        lines.pop_front();
        ++untold;
        ++dropped;
    }

    std::size_t pending() const noexcept { return waiting + current.size(); }

    /// False when the console takes no more for now.
    bool drain() {
        if (!fd) return false;
        while (begin_next()) {
            auto written = syscalls::raw(
                "write", [&] { return ::write(fd.get(), current.data() + offset, current.size() - offset); });
            if (!written) {
                if (written.error() == boost::system::errc::resource_unavailable_try_again) return false;
                discard();  // the console is broken (EIO after a hang-up): nobody will ever read this
                return true;
            }
            offset += static_cast<std::size_t>(*written);
            if (offset == current.size()) current.clear();
        }
        return true;
    }

    /// What was dropped stood before all that is left. False: there is nothing to write.
    bool begin_next() {
        if (!current.empty()) return true;
        offset = 0;
        told = std::exchange(untold, 0);
        if (told > 0) {
            current = fmt::format("({} console lines dropped)\n", told);
        } else if (!lines.empty()) {
            current = std::move(lines.front());
            lines.pop_front();
            waiting -= current.size();
        }
        return !current.empty();
    }

    void discard() {
        auto lost = lines.size() + (told == 0 ? 1 : 0);
        dropped += lost;
        untold += lost + told;
        lines.clear();
        waiting = 0;
        current.clear();
    }

    void flush() {
        if (is_waiting || !fd || drain()) return;
        if (!watched) {
            auto copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
            if (copy < 0) return;
            watched.emplace(context.get_executor(), copy);
        }
        is_waiting = true;
        watched->async_wait(asio::posix::descriptor_base::wait_write, [self = shared_from_this()](error_code failure) {
            self->is_waiting = false;
            if (!failure) self->flush();
        });
    }

    asio::io_context& context;
    unique_fd fd;
    std::optional<asio::posix::basic_stream_descriptor<executor>> watched;
    std::string current;     // begun: it is finished, or its rest would run into the next
    std::size_t offset = 0;  // of it, already written
    std::uint64_t told = 0;  // lines that it tells of; 0: it is a line itself
    std::deque<std::string> lines;
    std::size_t waiting = 0;  // bytes of these lines
    std::uint64_t untold = 0;
    std::uint64_t dropped = 0;
    bool is_waiting = false;
};

console::console(asio::io_context& context, unique_fd fd) : state_(std::make_shared<state>(context, std::move(fd))) {}

console::console(asio::io_context& context) : console(context, unique_fd()) {}

console::~console() {
    state_->drain();
    state_->watched.reset();
}

result<unique_fd> console::reopen(int fd) {
    std::string path = "/proc/self/fd/" + std::to_string(fd);
    auto reopened = syscalls::open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
    if (reopened) return std::move(*reopened);
    auto copy = syscalls::check("dup", path, [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); });
    if (!copy) return copy.error();
    return unique_fd(static_cast<int>(*copy));
}

void console::show_on(unique_fd fd) {
    state_->fd = std::move(fd);
    state_->flush();
}

void console::write_line(std::string_view line) {
    state_->push(line.substr(0, max_line));
    state_->flush();
}

std::size_t console::pending() const noexcept { return state_->pending(); }

std::uint64_t console::dropped_lines() const noexcept { return state_->dropped; }

}  // namespace vminit

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
        while (!lines.empty() && pending + line.size() + 1 > max_pending) drop_oldest();
        if (auto missed = std::exchange(untold, 0)) {
            append(fmt::format("({} console lines dropped)", missed));
        }
        append(line);
    }

    void append(std::string_view line) {
        auto& entry = lines.emplace_back(line);
        entry.push_back('\n');
        pending += entry.size();
    }

    void drop_oldest() {
        // A line the console has begun to show is finished, or its rest would run into the next.
        std::size_t victim = offset > 0 && lines.size() > 1 ? 1 : 0;
        if (victim == 0) offset = 0;
        pending -= lines[victim].size();
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(victim));
        ++untold;
        ++dropped;
    }

    /// False when the console takes no more for now.
    bool drain() {
        while (!lines.empty()) {
            const auto& line = lines.front();
            auto written = syscalls::raw("write", [&] { return ::write(fd.get(), line.data() + offset, line.size() - offset); });
            if (!written) {
                if (written.error() == boost::system::errc::resource_unavailable_try_again) return false;
                discard();  // the console is broken (EIO after a hang-up): nobody will ever read this
                return true;
            }
            offset += static_cast<std::size_t>(*written);
            if (offset < line.size()) continue;
            pending -= line.size();
            offset = 0;
            lines.pop_front();
        }
        return true;
    }

    void discard() {
        dropped += lines.size();
        untold += lines.size();
        lines.clear();
        pending = 0;
        offset = 0;
    }

    void flush() {
        if (is_waiting || drain()) return;
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
    std::deque<std::string> lines;
    std::size_t pending = 0;
    std::size_t offset = 0;  // of the first line, already written
    std::uint64_t untold = 0;
    std::uint64_t dropped = 0;
    bool is_waiting = false;
};

console::console(asio::io_context& context, unique_fd fd) : state_(std::make_shared<state>(context, std::move(fd))) {}

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

void console::write_line(std::string_view line) {
    state_->push(line.substr(0, max_line));
    state_->flush();
}

std::size_t console::pending() const noexcept { return state_->pending; }

std::uint64_t console::dropped_lines() const noexcept { return state_->dropped; }

}  // namespace vminit

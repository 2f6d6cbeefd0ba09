#include "vminit/runc/console_socket.hpp"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "runc/console_message.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::runc {

namespace {

using descriptor = asio::posix::basic_stream_descriptor<executor>;

// One runtime connects once; room for a second so that a confused one does not hang.
constexpr int backlog = 2;

// A directory that only we may enter, with the socket in it; both go with the object.
class socket_place {
public:
    static result<socket_place> create(const std::string& parent) {
        socket_place place;
        auto directory = parent + "/ptyXXXXXX";
        sockaddr_un address{};
        if (directory.size() + std::strlen("/pty.sock") >= sizeof address.sun_path) {
            return error(syscalls::detail::errno_code(ENAMETOOLONG), "console socket in " + parent);
        }
        auto made = syscalls::check("mkdtemp", directory, [&] { return ::mkdtemp(directory.data()) ? 0 : -1; });
        if (!made) return made.error();
        place.directory_ = std::move(directory);
        place.path_ = place.directory_ + "/pty.sock";
        return place;
    }

    socket_place(socket_place&& other) noexcept
        : directory_(std::exchange(other.directory_, {})), path_(std::move(other.path_)) {}
    socket_place& operator=(socket_place&&) = delete;
    ~socket_place() {
        if (directory_.empty()) return;
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }

    const std::string& path() const noexcept { return path_; }

private:
    socket_place() = default;
    std::string directory_;
    std::string path_;
};

result<unique_fd> listen_at(const std::string& path) {
    auto made = syscalls::check("socket", "console",
                                [] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); });
    if (!made) return made.error();
    unique_fd fd(static_cast<int>(*made));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    auto bound = syscalls::check(
        "bind", path, [&] { return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address); });
    if (!bound) return bound.error();
    auto listening = syscalls::check("listen", path, [&] { return ::listen(fd.get(), backlog); });
    if (!listening) return listening.error();
    return fd;
}

bool would_block(const error& failure) { return failure.code() == syscalls::detail::errno_code(EAGAIN); }

}  // namespace

struct console_socket::state {
    state(asio::io_context& context, socket_place where, unique_fd listening)
        : place(std::move(where)), listener(context, listening.release()), changed(context.get_executor()) {}

    // Until `watched` may be readable, the runtime has exited or `deadline` has come: the caller looks again.
    awaitable<void> wait(descriptor& watched, clock::time_point deadline) {
        using namespace asio::experimental::awaitable_operators;
        auto left = deadline - clock::now();
        co_await (watched.async_wait(asio::posix::descriptor_base::wait_read, as_tuple_awaitable) || changed.wait() ||
                  sleep_for(left));
    }

    // Why waiting is over although nothing has come.
    std::optional<error> reason_to_stop(clock::time_point deadline, asio::cancellation_type cancelled) const {
        if (cancelled != asio::cancellation_type::none)
            return error(errc::cancelled, "console: receiving the terminal");
        if (has_exited) return error(errc::unknown, "console: the runtime ended without sending a terminal");
        if (clock::now() >= deadline) return error(errc::deadline_exceeded, "console: no terminal from the runtime");
        return std::nullopt;
    }

    // `attempt` again and again until it yields something else than "would block" or there is a reason to stop.
    template <class Attempt>
    awaitable<result<unique_fd>> retry(descriptor& watched, clock::time_point deadline, Attempt attempt) {
        for (;;) {
            // The order matters: what the runtime sent before it exited is there when its exit is known.
            auto cancellation = co_await asio::this_coro::cancellation_state;
            auto stop = reason_to_stop(deadline, cancellation.cancelled());
            result<unique_fd> outcome = attempt(watched.native_handle());
            if (outcome || !would_block(outcome.error())) co_return outcome;
            if (stop) co_return *stop;
            co_await wait(watched, deadline);
        }
    }

    static result<unique_fd> accept(int listening) {
        auto accepted = syscalls::check(
            "accept4", "console", [&] { return ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
        if (!accepted) return accepted.error();
        return unique_fd(static_cast<int>(*accepted));
    }

    awaitable<result<unique_fd>> receive(clock::time_point deadline) {
        auto accepted = co_await retry(listener, deadline, &state::accept);
        if (!accepted) co_return accepted.error();
        descriptor connection(listener.get_executor(), accepted->release());
        co_return co_await retry(connection, deadline, &receive_terminal);
    }

    socket_place place;
    descriptor listener;
    condition changed;
    bool has_exited = false;
};

console_socket::console_socket(std::shared_ptr<state> opened) noexcept : state_(std::move(opened)) {}
console_socket::console_socket(console_socket&&) noexcept = default;
console_socket& console_socket::operator=(console_socket&&) noexcept = default;
console_socket::~console_socket() = default;

result<console_socket> console_socket::open(asio::io_context& context, const std::string& temp_directory) {
    auto place = socket_place::create(temp_directory);
    if (!place) return place.error();
    auto listening = listen_at(place->path());
    if (!listening) return listening.error();
    return console_socket(std::make_shared<state>(context, std::move(*place), std::move(*listening)));
}

const std::string& console_socket::path() const noexcept { return state_->place.path(); }

awaitable<result<unique_fd>> console_socket::receive(clock::duration limit) {
    auto held = state_;
    // Cancellation is an outcome here, not an exception: what was received by then must be closed, not lost.
    bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    auto outcome = co_await held->receive(clock::now() + limit);
    co_await asio::this_coro::throw_if_cancelled(throws);
    co_return outcome;
}

void console_socket::runtime_exited() noexcept {
    state_->has_exited = true;
    state_->changed.notify_all();
}

namespace {

// Makes `&&` cancel the runtime; the reason is kept beside it.
struct console_failed {};

awaitable<void> run_runtime(console_socket& socket, awaitable<result<void>> runtime,
                            std::optional<result<void>>& outcome) {
    co_await asio::this_coro::throw_if_cancelled(false);  // a runtime that is killed says so itself
    auto done = co_await std::move(runtime);
    outcome.emplace(std::move(done));
    socket.runtime_exited();
}

awaitable<void> receive_console(console_socket& socket, clock::duration limit,
                                std::optional<result<unique_fd>>& outcome) {
    co_await asio::this_coro::throw_if_cancelled(false);
    auto received = co_await socket.receive(limit);
    bool is_failure = !received;
    outcome.emplace(std::move(received));
    if (is_failure) throw console_failed();
}

}  // namespace

awaitable<result<unique_fd>> with_console(console_socket& socket, awaitable<result<void>> runtime,
                                          clock::duration limit) {
    using namespace asio::experimental::awaitable_operators;
    std::optional<result<void>> ran;
    std::optional<result<unique_fd>> received;
    try {
        co_await (run_runtime(socket, std::move(runtime), ran) && receive_console(socket, limit, received));
    } catch (const console_failed&) {
    }
    // The console's failure came first only if it is the cause of the runtime's: a cancelled one.
    if (ran && !*ran && (!received || *received || ran->error().kind() != errc::cancelled)) co_return ran->error();
    co_return std::move(*received);
}

}  // namespace vminit::runc

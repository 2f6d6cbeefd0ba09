#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::runc {

/// The socket over which a runtime hands us the master of a container's terminal (`--console-socket`).
///
/// Move-only; the socket and its directory are removed with it.
class console_socket {
public:
    static constexpr clock::duration default_limit = std::chrono::seconds(30);

    /// Listens on `pty.sock` in a new directory `pty<random>` below `temp_directory` (keep that short: sun_path is 108
    /// bytes).
    static result<console_socket> open(asio::io_context& context, const std::string& temp_directory = "/tmp");

    console_socket(console_socket&&) noexcept;
    console_socket& operator=(console_socket&&) noexcept;
    ~console_socket();

    const std::string& path() const noexcept;

    /// Accepts one connection and receives one terminal master, O_CLOEXEC, O_NONBLOCK left as it came.
    ///
    /// Errors: deadline_exceeded after `limit`; kind unknown `console: ...` for anything but one message with exactly
    /// one descriptor of a terminal, and at once when `runtime_exited` was told and nothing is queued. Received
    /// descriptors are closed on every error. When cancelled it returns `cancelled`.
    awaitable<result<unique_fd>> receive(clock::duration limit = default_limit);

    /// Tells that the runtime has returned: whatever it sent is queued by now, nothing more will come.
    void runtime_exited() noexcept;

private:
    struct state;
    explicit console_socket(std::shared_ptr<state> opened) noexcept;
    std::shared_ptr<state> state_;
};

/// Runs `runtime`, an operation that was given `socket.path()`, and receives the terminal at the same time. The
/// runtime's own failure wins; when the terminal does not come, the runtime is cancelled (its process group killed).
/// `socket` outlives the call.
awaitable<result<unique_fd>> with_console(console_socket& socket, awaitable<result<void>> runtime,
                                          clock::duration limit = console_socket::default_limit);

}  // namespace vminit::runc

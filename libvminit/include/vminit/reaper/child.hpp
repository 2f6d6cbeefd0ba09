// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/reaper/exit_status.hpp"

namespace vminit::reaper {

class reaper_service;
struct child_state;

/// One process that the reaper collects for us: launched, or adopted after it was reparented to us.
///
/// Move-only; an empty one (default or moved from) may only be assigned to, tested and destroyed. Dropping it neither
/// kills nor forgets the process: it is collected all the same. A signal never reaches another process that got the
/// same pid later. Harmless after the context's shutdown.
class child {
public:
    child() noexcept = default;
    child(child&&) noexcept = default;
    child& operator=(child&&) noexcept = default;

    explicit operator bool() const noexcept { return state_ != nullptr; }
    pid_t pid() const noexcept;

    /// The exit status once it has been collected.
    std::optional<exit_status> exited() const noexcept;

    /// Completes with `void(error_code, exit_status)` when the process has ended, also if that was long ago. Any number
    /// of waiters. Cancellation (all types): operation_aborted. Without memory: `asio::error::no_memory`, to be tried
    /// again. The handle may be destroyed meanwhile.
    template <class CompletionToken>
    auto async_wait(CompletionToken&& token) const {
        return asio::async_initiate<CompletionToken, void(error_code, exit_status)>(
            [](auto handler, std::shared_ptr<child_state> target) {
                start_wait(std::move(target), std::move(handler));
            },
            token, state_);
    }

    /// The exit status. When cancelled it throws `system_error(operation_aborted)`, as any Asio wait does.
    awaitable<exit_status> wait() const;

    /// The exit status, or nothing when `limit` passed first or the caller was cancelled. Never throws.
    awaitable<std::optional<exit_status>> wait_for(clock::duration limit) const;

    /// pidfd_send_signal(2). Errors: ESRCH (kind not_found) once it has ended, EINVAL for a bad number.
    result<void> signal(int number) const;

    /// Signals the process group the child leads. Errors: failed_precondition if it was not started with its own group;
    /// ESRCH once the child has been collected, because the group number may then mean somebody else.
    result<void> signal_group(int number) const;

private:
    friend class reaper_service;
    using wait_handler = asio::any_completion_handler<void(error_code, exit_status)>;

    explicit child(std::shared_ptr<child_state> target) noexcept : state_(std::move(target)) {}
    static void start_wait(std::shared_ptr<child_state> target, wait_handler handler);
    static awaitable<exit_status> wait_on(std::shared_ptr<child_state> target);
    static awaitable<std::optional<exit_status>> wait_on_for(std::shared_ptr<child_state> target,
                                                             clock::duration limit);

    std::shared_ptr<child_state> state_;
};

}  // namespace vminit::reaper

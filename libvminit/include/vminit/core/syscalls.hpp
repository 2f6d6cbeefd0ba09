// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

/// The one place that reads errno. A layer wraps each system call in `check`, so that every failure
/// carries what was attempted and tests can make any call fail.
namespace vminit::syscalls {

/// Test hook: given the name of a call about to be made, returns the errno to fail it with, or 0.
/// Null (the default) costs one load per call.
using fault_hook = int (*)(std::string_view name);
void set_fault_hook(fault_hook hook) noexcept;

namespace detail {
int injected_fault(std::string_view name) noexcept;
error_code last_error() noexcept;
error_code errno_code(int value) noexcept;
bool interrupted() noexcept;
}  // namespace detail

/// Runs `call` (a callable around one system call that returns -1 on failure), again on EINTR, and
/// turns -1 into an `error_code` in `system_category`. `name` is what a fault hook matches.
template <class Call>
boost::system::result<long> raw(std::string_view name, Call&& call) {
    if (int fault = detail::injected_fault(name)) return detail::errno_code(fault);
    for (;;) {
        auto value = static_cast<long>(call());
        if (value != -1) return value;
        if (!detail::interrupted()) return detail::last_error();
    }
}

/// `raw` with context: the error reads `<name> <object>: <errno text>`, e.g. `mount /run: Permission denied`.
template <class Call>
result<long> check(std::string_view name, std::string_view object, Call&& call) {
    auto outcome = raw(name, std::forward<Call>(call));
    if (outcome) return *outcome;
    std::string context(name);
    if (!object.empty()) context.append(" ").append(object);
    return error(outcome.error(), std::move(context));
}

/// `check` for a call whose value says nothing but success.
template <class Call>
result<void> attempt(std::string_view name, std::string_view object, Call&& call) {
    auto outcome = check(name, object, std::forward<Call>(call));
    if (!outcome) return outcome.error();
    return {};
}

/// True if `failure` is exactly this errno (not merely of its class).
bool is_errno(const error& failure, int value) noexcept;

/// open(2), always O_CLOEXEC.
result<unique_fd> open(const std::string& path, int flags, mode_t mode = 0);

/// A pipe2(2) pair, both ends O_CLOEXEC (and `flags`, e.g. O_NONBLOCK).
struct pipe_pair {
    unique_fd read_end;
    unique_fd write_end;
};
result<pipe_pair> pipe(int flags = 0);

/// Writes all of `data`, continuing after short writes. On a non-blocking descriptor a full pipe is EAGAIN.
result<void> write_all(int fd, std::string_view data, std::string_view object);

}  // namespace vminit::syscalls

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/clock.hpp"
#include "vminit/core/error.hpp"

namespace vminit::ttrpc {

/// What a failed accept(2) asks for.
enum class accept_failure {
    none_waiting,  ///< EAGAIN: wait until readable
    try_again,     ///< the connection died before we took it: take the next
    back_off,      ///< out of descriptors or memory: later
    fatal,         ///< the socket itself is broken
};

accept_failure classify_accept_failure(const error_code& failure) noexcept;

/// How long to leave a listener alone that could not accept: at most 1 ms at first, doubling to 1 s, with jitter so that
/// several listeners starved by one cause do not come back together.
class accept_backoff {
public:
    static constexpr clock::duration first_limit = std::chrono::milliseconds(1);
    static constexpr clock::duration last_limit = std::chrono::seconds(1);

    /// `random` is any number; the delay is in [limit/2, limit].
    clock::duration next(unsigned random) noexcept;
    void reset() noexcept { limit_ = first_limit; }

private:
    clock::duration limit_ = first_limit;
};

}  // namespace vminit::ttrpc

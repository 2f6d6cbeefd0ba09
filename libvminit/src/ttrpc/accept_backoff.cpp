// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/accept_backoff.hpp"

#include <algorithm>
#include <cerrno>

namespace vminit::ttrpc {

accept_failure classify_accept_failure(const error_code& failure) noexcept {
    switch (failure.value()) {
        case EAGAIN: return accept_failure::none_waiting;
        // accept(2) passes on what became of the connection; it says nothing about the listener.
        case ECONNABORTED:
        case ECONNRESET:
        case EPROTO:
        case EPERM:
        case ETIMEDOUT: return accept_failure::try_again;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: return accept_failure::back_off;
        default: return accept_failure::fatal;
    }
}

clock::duration accept_backoff::next(unsigned random) noexcept {
    auto half = limit_ / 2;
    auto delay = half + half * (random % 1024) / 1023;
    limit_ = std::min(limit_ * 2, last_limit);
    return delay;
}

}  // namespace vminit::ttrpc

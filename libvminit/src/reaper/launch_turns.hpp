// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <deque>
#include <memory>

#include "vminit/core/asio.hpp"

namespace vminit::reaper {

/// Lets launches through one a turn of the loop, in the order they came, so that what else is ready has its turn between
/// two of them. As many may wait as there are callers.
class launch_turns : public std::enable_shared_from_this<launch_turns> {
public:
    explicit launch_turns(executor ex) : ex_(ex) {}

    /// Returns at once, if nobody had this turn of the loop, or when it is the caller's. A cancelled caller gets its
    /// turn all the same, soon enough, and may leave it unused.
    static awaitable<void> take(std::shared_ptr<launch_turns> self);

    void shutdown() noexcept { waiting_.clear(); }

private:
    void pass_on_soon();
    void pass_on();

    executor ex_;
    bool is_taken_ = false;
    std::deque<asio::any_completion_handler<void()>> waiting_;
};

}  // namespace vminit::reaper

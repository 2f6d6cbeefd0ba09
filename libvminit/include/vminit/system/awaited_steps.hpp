// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"

namespace vminit::system {

/// Steps of the boot that go on while we serve, for those who need what they bring: whoever waits goes on when all have
/// ended, well or not. Use from the loop's thread; outlives those who wait.
class awaited_steps {
public:
    explicit awaited_steps(executor ex) : changed_(ex) {}

    /// The step will end some time: from now on it is waited for. To be said before anybody waits.
    void expect(std::string step);

    /// It has ended, however it went. A step that nobody expects is ignored.
    void ended(std::string_view step);

    /// Those that have not ended, in the order they were expected.
    const std::vector<std::string>& pending() const noexcept { return pending_; }

    /// Whether one of `steps`, or with none named any at all, is pending.
    bool has_pending(std::span<const std::string_view> steps = {}) const;

    /// Returns when none of `steps` (of all, with none named) is pending, at the latest after `limit`. A cancelled wait
    /// throws at the caller's next suspension.
    awaitable<void> wait(clock::duration limit, std::span<const std::string_view> steps = {});

private:
    condition changed_;
    std::vector<std::string> pending_;
};

}  // namespace vminit::system

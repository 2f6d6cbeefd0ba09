// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "system/stoppable_write.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"

namespace vminit::system {

/// Writes to the kernel by a thread of the pool, which are stopped at a limit, and who waits for their end.
class limited_write {
public:
    explicit limited_write(executor ex) : changed_(ex), timer_(ex) {}

    /// Shared with the job, which may outlive its waiter.
    const std::shared_ptr<stoppable_write>& writer() const noexcept { return writer_; }

    /// A task beside the job. At `limit` the write is stopped, again and again until the kernel heeds it; a second later
    /// the waiter is told.
    static awaitable<void> enforce(std::shared_ptr<limited_write> self, clock::duration limit);

    /// The job has ended; its outcome is there.
    void end() noexcept;

    /// True when the job has ended, false when it is left to itself.
    awaitable<bool> wait();

private:
    std::shared_ptr<stoppable_write> writer_ = std::make_shared<stoppable_write>();
    bool has_ended_ = false;
    bool is_given_up_ = false;
    condition changed_;
    timer timer_;
};

}  // namespace vminit::system

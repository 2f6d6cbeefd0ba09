// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit {

/// What a job depends on. Each lane has threads and a queue of its own, so that what hangs in one holds up no other.
enum class blocking_lane : unsigned char {
    kernel_writes,  ///< short writes to cgroupfs and procfs, netlink
    mounts,         ///< mount, umount, removal of trees, sync of one container, archives
    hotplug,        ///< CPUs and memory, through sysfs
    files,          ///< opens, reads, writes and walks on disks
    copies,         ///< files of containers, for copies: what a container can make hang
    rescue,         ///< thaw, the last sync: what ends the hanging of others. Never queued
};
inline constexpr std::size_t blocking_lane_count = 6;

/// `kernel-writes`, `mounts`, ...
std::string_view name_of(blocking_lane lane) noexcept;

/// What a lane has done so far, and what it has to do.
struct blocking_counters {
    std::uint64_t done = 0;
    std::uint64_t refused = 0;
    std::size_t queued = 0;     ///< now: jobs that no thread has begun
    std::size_t running = 0;    ///< now, abandoned ones among them
    std::size_t abandoned = 0;  ///< now: running, and nobody waits for them any more
    std::size_t threads = 0;    ///< now
};

using lane_counters = std::array<blocking_counters, blocking_lane_count>;  ///< indexed by `blocking_lane`

/// A job that a thread has begun.
struct blocking_job {
    blocking_lane lane{};
    std::string what;
    std::chrono::steady_clock::duration age{};  ///< since it was begun
};

/// Runs system calls that can sleep off the loop.
///
/// A lane starts threads on demand, at most `max_active` that somebody waits for and `max_abandoned` more whose waiters
/// have given up; they go after two idle seconds. At most `max_queued` jobs of a lane wait, more are refused with
/// `resource_exhausted`, and so is a job for which no thread can be started and none is at work. The rescue lane has no
/// queue: its job gets a thread at once, or with `max_rescues` at work (or no thread to be had) it is refused.
///
/// A job takes values and returns a `result<T>`: it shares nothing with the loop. Use from the context's thread.
class blocking_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    static constexpr std::size_t max_rescues = 8;    ///< a thaw, the safety thaw, a sync, and each of them tried again
    static constexpr std::size_t max_abandoned = 8;  ///< a lane: each a system call that the kernel does not end
    static constexpr std::size_t max_queued =
        1024;  ///< far above the containers a VM holds; a bound, not a tuning knob

    static constexpr std::size_t max_active(blocking_lane lane) noexcept {
        if (lane == blocking_lane::rescue) return max_rescues;
        bool meets_disks =
            lane == blocking_lane::mounts || lane == blocking_lane::files || lane == blocking_lane::copies;
        return meets_disks ? 4 : 2;  // one slow disk must not stop the others; more would only queue in the kernel
    }

    explicit blocking_service(asio::execution_context& context);
    ~blocking_service() override;

    /// Runs `job` on a thread of `lane` and returns its result. `job` must return `result<T>`; `what` names it in
    /// Health.
    ///
    /// When the waiter is cancelled it returns `cancelled` at once. A job not yet begun is never run then. One that is
    /// running goes on, and its result is destroyed on its own thread: a result that owns something (a descriptor, a
    /// mount) gives it back there.
    template <class Job>
    awaitable<std::invoke_result_t<Job>> run(blocking_lane lane, Job job, std::string what = {}) {
        using outcome = std::invoke_result_t<Job>;
        auto slot = std::make_shared<std::optional<outcome>>();
        work_function work = [slot, job = std::move(job)](bool is_wanted) mutable {
            if (is_wanted) slot->emplace(job());
            if (!is_wanted) slot->reset();
        };
        auto end = co_await submit(lane, std::move(what), std::move(work));
        if (end == job_end::done && *slot) co_return std::move(**slot);
        co_return failure_of(end);
    }

    /// Of the lane, or of all lanes.
    blocking_counters counters(blocking_lane lane) const noexcept;
    blocking_counters counters() const noexcept;

    /// At work for `age` or longer, the oldest first, at most `limit` of them.
    std::vector<blocking_job> older_than(std::chrono::steady_clock::duration age, std::size_t limit = 8) const;

private:
    enum class job_end { done, refused, cancelled };
    using work_function = std::function<void(bool is_wanted)>;  // called with true, then with false if nobody waits

    void shutdown() noexcept override;
    awaitable<job_end> submit(blocking_lane lane, std::string what, work_function work);
    static error failure_of(job_end end);

    struct waiter;
    struct job;
    struct lane_state;
    struct pool;
    class submission;
    std::shared_ptr<pool> pool_;
};

}  // namespace vminit

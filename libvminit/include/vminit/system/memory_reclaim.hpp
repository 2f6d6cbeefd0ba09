// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::system {

/// In bytes, from /proc/meminfo.
struct memory_figures {
    std::uint64_t free = 0;
    std::uint64_t available = 0;
    std::uint64_t cached = 0;  ///< files and kernel caches that could be given up
};

/// The figures of a /proc/meminfo; those that are not in it are 0.
memory_figures parse_meminfo(std::string_view text);

/// What is to be given back.
struct reclaim_wish {
    std::string cgroup;       ///< its directory; empty: the whole machine
    std::uint64_t bytes = 0;  ///< 0: all that can be
    bool compacts = true;     ///< makes free memory contiguous, so that the host gets whole pieces back
};

/// What became of it.
struct reclaim_outcome {
    memory_figures before;
    memory_figures after;
    std::uint64_t cgroup_before = 0;  ///< memory.current of the cgroup, if one was named
    std::uint64_t cgroup_after = 0;
    bool is_whole = true;              ///< false: it was stopped at the limit
    std::vector<std::string> remarks;  ///< what this kernel cannot do
};

/// Makes the kernel give up caches, and lays what is free together.
///
/// Both are writes to the kernel that take as long as there is memory to look at, so they run in the lane of hotplug,
/// one at a time, and are stopped after `limit`. A caller that gives up is left at once; the work goes on within the
/// limit. Must outlive the tasks it starts.
class memory_reclaim {
public:
    static constexpr clock::duration limit = std::chrono::seconds(10);

    explicit memory_reclaim(asio::io_context& context, std::string proc = "/proc",
                            std::string cgroup_root = "/sys/fs/cgroup");
    ~memory_reclaim();

    /// Errors: failed_precondition while another is at work; not_implemented without memory.reclaim (before Linux 5.19)
    /// of a cgroup; deadline_exceeded when the kernel does not end it; errno `write <path>`.
    awaitable<result<reclaim_outcome>> perform(reclaim_wish wish);

    bool is_at_work() const noexcept { return current_ != nullptr; }

private:
    struct operation;
    awaitable<void> run(std::shared_ptr<operation> running, reclaim_wish wish);

    blocking_service& blocking_;
    executor ex_;
    std::string proc_;
    std::string cgroup_root_;
    std::shared_ptr<operation> current_;
    task_group tasks_;
};

}  // namespace vminit::system

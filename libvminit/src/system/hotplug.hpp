// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "system/stoppable_write.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::system {

/// CPU and memory hotplug through sysfs.
///
/// Whatever reads or writes an attribute runs in the pool: the kernel holds a unit's lock while it takes it away, and a
/// read of `online` waits for that lock. One operation per unit at a time. Must outlive the tasks it starts.
class hotplug {
public:
    /// What one operation may take. Then its write is stopped, again and again until the kernel heeds it; what has not
    /// ended a second later is left to itself, and its unit is busy until it ends.
    static constexpr clock::duration limit = std::chrono::seconds(10);

    /// Remembers the boot's memory if sysfs is there already.
    hotplug(asio::execution_context& context, std::string sysfs);

    /// The memory blocks that are there now are those that the machine booted with: they stay.
    void remember_boot_memory();

    awaitable<result<void>> offline_cpu(std::uint32_t cpu);
    awaitable<result<void>> online_cpu(std::uint32_t cpu);
    awaitable<result<void>> offline_memory(std::uint32_t block);
    awaitable<result<void>> online_memory(std::uint32_t block);

private:
    struct operation;
    using job = std::function<result<void>(stoppable_write&)>;

    std::string cpu_file(std::uint32_t cpu) const;
    std::string memory_block(std::uint32_t block) const;
    std::set<std::string> taken_blocks() const;
    awaitable<result<void>> wait_for_file(std::string what, std::string path);
    awaitable<result<void>> perform(std::string unit, job work);
    awaitable<void> run_job(std::shared_ptr<operation> running, job work);

    blocking_service& blocking_;
    executor ex_;
    std::string sysfs_;
    std::set<std::string> boot_blocks_;          // their directories
    std::map<std::string, ino_t> taken_blocks_;  // taken offline by us: not to come back with another block
    std::set<std::string> busy_;                 // units
    task_group tasks_;
};

}  // namespace vminit::system

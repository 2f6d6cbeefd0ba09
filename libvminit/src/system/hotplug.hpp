#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/result.hpp"

namespace vminit::system {

/// CPU and memory hotplug through sysfs. Writes run in the pool: onlining a CPU takes milliseconds, memory longer.
class hotplug {
public:
    hotplug(blocking_service& blocking, std::string sysfs) : blocking_(blocking), sysfs_(std::move(sysfs)) {}

    awaitable<result<void>> offline_cpu(std::uint32_t cpu);
    awaitable<result<void>> online_cpu(std::uint32_t cpu);
    awaitable<result<void>> offline_memory(std::uint32_t block);
    awaitable<result<void>> online_memory(std::uint32_t block);

private:
    std::string cpu_file(std::uint32_t cpu) const;
    std::string memory_file(std::uint32_t block, std::string_view name) const;
    awaitable<result<void>> wait_for_file(std::string what, std::string path);
    awaitable<result<void>> write(std::string path, std::string value);
    awaitable<result<void>> online_other_blocks();
    bool onlines_memory_itself() const;

    blocking_service& blocking_;
    std::string sysfs_;
};

/// The memory block directories below `directory` whose `state` is `offline`, as paths of their `online` files.
std::vector<std::string> offline_memory_blocks(const std::string& directory);

}  // namespace vminit::system

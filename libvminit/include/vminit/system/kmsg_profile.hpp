// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::system {

/// What the kernel's initcalls cost, from its log (the kernel needs `initcall_debug` on its command line).
class kmsg_profile {
public:
    static constexpr std::size_t max_listed = 25;

    /// One /dev/kmsg record: `prio,seq,ts_us,flags;text\n...`. Counts if the first line of its text reads
    /// `initcall <name> returned <x> after <n> usecs`; a header too short for a time gives time 0.
    void add(std::string_view record);

    std::size_t initcalls() const noexcept { return count_; }

    /// `KMSG_PROFILE initcalls=<n> sum_us=<s> last_ts_us=<t>`, then the dearest ones, dearest first:
    /// `KMSG_PROFILE <usec, 8 wide> us  <name>`. Nothing without initcalls.
    std::vector<std::string> lines() const;

private:
    struct initcall {
        std::uint64_t cost;
        std::string name;
    };
    std::vector<initcall> dearest_;
    std::size_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t last_ = 0;
};

/// Reads what is in the kernel's log now. Errors: errno of open or read of `path`.
result<kmsg_profile> read_kmsg_profile(const std::string& path = "/dev/kmsg");

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit {

/// What this process uses, as procfs and its allocator tell it.
struct resource_usage {
    std::uint64_t resident_bytes = 0;
    std::uint64_t heap_bytes = 0;  ///< allocated and not freed: what grows without end is a leak, whatever the heap keeps
    std::chrono::milliseconds cpu{};  ///< user and system, of all threads; in steps of the kernel's tick
    std::size_t threads = 0;
    std::size_t open_files = 0;
};

/// Reads `<proc>/self`; a few file reads and a directory as long as our descriptor table, so off the loop.
/// Errors: errno of opening one of the files; internal `<file>` for one that cannot be understood.
result<resource_usage> read_resource_usage(const std::string& proc = "/proc");

}  // namespace vminit

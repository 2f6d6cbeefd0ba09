// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

/// Amounts as people write and read them on a command line.
namespace vminit::vminitctl {

/// `4096`, `64K`, `64KiB`, `1.5G`: bytes, with binary multiples. Errors: invalid_argument.
result<std::uint64_t> parse_bytes(std::string_view text);

/// `512 B`, `1.5 KiB`, `2.0 GiB`; `max` for the kernel's "no limit" (2^64-1).
std::string format_bytes(std::uint64_t bytes);

/// A positive number of CPUs, `0.5` or `2`, in thousandths. Errors: invalid_argument.
result<std::uint32_t> parse_cpus(std::string_view text);

/// A whole number that fills the text. Errors: invalid_argument naming `what`.
result<std::uint32_t> parse_number(std::string_view text, std::string_view what);

/// Microseconds of CPU time as `1.234s`.
std::string format_cpu_time(std::uint64_t microseconds);

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

/// Limits of a process as people ask for them (setrlimit(2)).
namespace vminit::vminitctl {

/// One limit, with the kernel's own unit. The highest number is no limit.
struct process_limit {
    std::string_view type;  ///< `RLIMIT_NOFILE`, ...: one of ours
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

/// `nofile=1024`, `nofile=1024:4096`, `core=-1` (or `unlimited`), as docker has it. Errors: invalid_argument for a name
/// that is none, for what is no number, and for a soft limit above the hard one.
result<process_limit> parse_process_limit(std::string_view text);

/// Puts them into an OCI Process; each stands instead of what it has of that type, the last of several counts.
void edit_process_limits(boost::json::object& process, const std::vector<process_limit>& limits);

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// What a keeper tells the `vm start` that started it, once.
struct keeper_report {
    int kind = 0;         ///< 0: the VM runs; else the `errc` of why it does not
    std::string text;     ///< the failure: its first line is a sentence
    std::string notes;    ///< what it had to say on the way
    std::string rpc;      ///< of a VM that runs
    std::string streams;  ///< the same
    std::string directory;
    int pid = 0;  ///< the VMM's
};

/// One line of JSON, and back. Pure. Errors: invalid_argument.
std::string to_text(const keeper_report& report);
result<keeper_report> parse_report(std::string_view line);

/// The report's failure: its first line is the error's context. With kind 0 there is none.
error failure_of(const keeper_report& report);

/// The lines behind the first one, without control characters.
std::string details_of(const keeper_report& report);

}  // namespace vminit::vminitctl

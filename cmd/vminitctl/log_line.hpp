// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "record.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/v1/machine.pb.h"

/// Lines of the guest's logs, for people and for programs.
namespace vminit::vminitctl {

/// A level of syslog(2): `emerg`, `alert`, `crit`, `err`, `warn`, `notice`, `info`, `debug`, some with the other name
/// that they have, or a number from 0 to 7. Errors: invalid_argument.
result<std::uint32_t> parse_syslog_level(const std::string& text);

/// What the kernel wrote before it escaped it; what is no UTF-8 becomes U+FFFD.
std::string without_escapes(std::string_view text);

/// `[    1.234567] text`, one for each line of the kernel's message; vminitd's as `[    1.234567] vminitd: warn message
/// key=value`.
std::vector<std::string> shown_lines(const vminit::system::v1::LogLine& line);

record log_facts(const vminit::system::v1::LogLine& line);

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/error.hpp"

/// The texts of a failed runtime invocation, as hosts know them, and what they mean.
namespace vminit::runc {

/// An operating system error as Go prints it: `fork/exec /sbin/crun: no such file or directory`.
std::string os_text(const error& failure);

/// `<argv0> did not terminate successfully: exit status <n>`, with `: <output>` if there is any (newline kept).
std::string exit_text(std::string_view argv0, int status, std::string_view output);

/// A runtime's error with what it means for this machine, where its text says nothing of that; else as it is.
std::string explained(std::string text);

/// The last line of `output` that is not blank, trimmed.
std::string_view last_line(std::string_view output);

/// True if `text` says that the container does not exist (any more).
bool says_gone(std::string_view text, std::string_view root, std::string_view id);

/// True if `text` says that the process to be signalled has ended.
bool says_dead(std::string_view text);

}  // namespace vminit::runc

#pragma once

#include <sys/types.h>

#include <string>

#include "vminit/core/result.hpp"

namespace vminit::runc {

/// The pid a runtime wrote, once it has returned success. Strict: ASCII digits of a positive pid and nothing else.
///
/// Errors (all of kind `unknown`, for the host's eyes): `open <path>: no such file or directory` and the like when it
/// cannot be read, `pid file <path>: empty`, `pid file <path>: invalid pid "123\n"`.
result<pid_t> read_pid_file(const std::string& path);

/// Removes `path` and the `.<name>` beside it that a crashed runc leaves and that would fail every later create: a
/// stale pid must not be believed. Missing files are success.
result<void> remove_stale_pid_file(const std::string& path);

}  // namespace vminit::runc

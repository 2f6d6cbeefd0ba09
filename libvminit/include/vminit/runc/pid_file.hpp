// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "vminit/core/result.hpp"

namespace vminit::runc {

/// The pid a runtime wrote, once it has returned success. Strict: ASCII digits of a positive pid and nothing else.
///
/// Errors (all of kind `unknown`, for the host's eyes): `open PATH: no such file or directory` and the like when it
/// cannot be read, `pid file PATH: empty`, `pid file PATH: invalid pid "123"`.
result<pid_t> read_pid_file(const std::string& path);

/// Removes `path`, and beside it the file with a dot before that name, which a crashed runc leaves and which would fail
/// every later create: a stale pid must not be believed. Missing files are success.
result<void> remove_stale_pid_file(const std::string& path);

}  // namespace vminit::runc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit {

/// Opens /dev/null now and keeps it for the life of this process: a container that shares the machine's /dev can remove
/// the path, and without it no child could be started. To be called once /dev is mounted; again replaces what is kept.
/// Errors: errno of open.
result<void> hold_null_device(const std::string& path = "/dev/null");

/// A descriptor of its own on what is kept, CLOEXEC, both ways; if nothing is kept, of the path opened now.
/// Errors: errno.
result<unique_fd> open_null_device();

}  // namespace vminit

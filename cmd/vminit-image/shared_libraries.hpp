// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// The shared libraries that a program of this machine needs, its loader first or among them, as ldd(1) finds them:
/// none for a static one. Only for programs of this machine's architecture that are trusted. Errors: those of ldd;
/// not_found for a library that is not here.
result<std::vector<std::string>> libraries_of(const std::string& program);

}  // namespace vminit::image

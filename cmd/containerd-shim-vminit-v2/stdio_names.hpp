// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vminit::shim {

/// The daemon's names for a process's stdio: paths of fifos, or URIs of files and loggers for the outputs; empty where
/// there is none.
struct stdio_names {
    std::string in;
    std::string out;
    std::string err;
    bool is_terminal = false;
};

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "vminit/core/unique_fd.hpp"

namespace vminit::bench {

using words = std::vector<std::string>;

/// Prints what failed and ends the program.
[[noreturn]] void give_up(const std::string& what);

/// A command that is measured.
class child {
public:
    /// Starts it with `in` and `out` as its standard input and output.
    child(const words& command, unique_fd in, unique_fd out);

    /// Nanoseconds of processor time of all its threads so far, while it runs.
    double cpu_ns() const;

    /// Waits until it ends well; the processor time of its whole life in nanoseconds.
    double wait();

private:
    pid_t pid_;
};


}  // namespace vminit::bench

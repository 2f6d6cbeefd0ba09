// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "bench/child.hpp"

namespace vminit::bench {

/// Copies standard input (a pipe) to standard output (a socket) as the stdio of a process is copied to its host.
void pump();

/// The least that does the same: a program of two system calls.
void floor_pump();

/// What `copier` (a command like `pump`) needs of the processor for `bytes` in writes of 64 KiB: bytes a second.
double bulk_rate(const words& copier, std::uint64_t bytes);

/// The same for lines, each written when the one before has arrived: nanoseconds a line.
double line_cost(const words& copier, unsigned lines);

}  // namespace vminit::bench

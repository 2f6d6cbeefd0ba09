// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vminit::bench {

/// What PID 1 of a VM needs of its processor for each of `count` calls without payload, one at a time, in nanoseconds.
/// The guest at `address` was booted by guests/start.c, which tells the processor time of PID 1 on a port of its own.
double guest_cost(const std::string& address, const std::string& service, const std::string& method, unsigned count);

/// The processor time that PID 1 of such a guest has had, in nanoseconds.
double guest_cpu(const std::string& address);

/// Connects to the guest at `address`, sends `letter`, and counts what comes until the end (guests/copy.c).
double take(const std::string& address, char letter);

}  // namespace vminit::bench

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest_snapshot.hpp"

namespace vminit::api {

/// From when on a layer is degraded: it still works, but is near a bound or late.
struct health_limits {
    /// Hosts give a liveness probe so long.
    clock::duration stall = std::chrono::milliseconds(200);

    /// Twice what the slowest operation of the OCI runtime may take (create, start, exec, delete).
    clock::duration call = std::chrono::minutes(2);

    /// A call that can sleep in the kernel.
    clock::duration job = std::chrono::seconds(5);

    /// A checkpoint writes a container's memory to disk and may take ten minutes.
    clock::duration long_call = std::chrono::minutes(11);

    /// As many as the reaper collects in one turn of the loop.
    std::size_t zombies = 256;
};

struct layer_health {
    std::string_view name;
    std::string trouble;  ///< empty: none
};

struct running_call {
    std::string_view service;
    std::string_view method;
    clock::duration age{};
};

/// The layers of `snapshot`, bottom first, and what is wrong with each. Of whatever has a bound, three quarters of it
/// is wrong. Decides only.
std::vector<layer_health> assess(const guest_snapshot& snapshot, const health_limits& limits = {});

/// The oldest call that neither waits by design nor asks for this.
std::optional<running_call> oldest_call(const guest_snapshot& snapshot);

}  // namespace vminit::api

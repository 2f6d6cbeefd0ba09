// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::shim {

/// What a container may use at most; 0: no limit.
struct resource_limits {
    std::uint64_t memory = 0;     ///< bytes
    std::uint64_t cpu_milli = 0;  ///< thousandths of a processor
    friend bool operator==(const resource_limits&, const resource_limits&) = default;
};

/// What a container's `config.json` says that concerns more than the container: its VM and its pod.
struct spec_facts {
    resource_limits limits;        ///< `linux.resources`
    resource_limits pod;           ///< of all containers together: CRI's sandbox-memory, sandbox-cpu-*
    unsigned vcpus = 0;            ///< annotation `io.vminit.vcpus`; 0: not said
    std::uint64_t memory_mib = 0;  ///< annotation `io.vminit.memory_mib`; 0: not said
    std::string cgroups_path;      ///< `linux.cgroupsPath`, as it is meant on this machine
    std::map<std::string, std::string> net_sysctls;  ///< the VM's, for it is the border of the network
};

/// Pure. Errors: invalid_argument for what is no spec, or an annotation of ours that is no number.
result<spec_facts> read_spec_facts(std::string_view config_json);

/// The limits after an Update: `resources` is the request's JSON (LinuxResources), and what it does not name stays.
/// Pure. Errors: invalid_argument.
result<resource_limits> updated_limits(resource_limits before, std::string_view resources);

}  // namespace vminit::shim

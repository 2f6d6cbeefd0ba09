// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit::supervisor {

/// The own cgroup v2 of one service, a child of the root cgroup: containers' limits and kills do not reach it.
class service_cgroup {
public:
    /// `root` is where cgroup2 is mounted.
    service_cgroup(const std::string& root, const std::string& name);

    /// True where there is a cgroup2 to use.
    bool is_available() const;

    /// Makes the directory. Success if it is there.
    result<void> make() const;

    /// Sets memory.max. Errors: ENOENT without the memory controller, else of write.
    result<void> limit_memory(std::uint64_t bytes) const;

    /// The file that takes a process in.
    std::string procs() const { return path_ + "/cgroup.procs"; }

    /// SIGKILL to everything in it: cgroup.kill, or before Linux 5.14 each process by itself, of which those that are just
    /// being made may escape. True if nothing is left alive; what was killed takes a moment to go, so call again.
    bool kill_all() const;

    /// Removes the directory unless a process is left in it. Best effort.
    void remove() const;

private:
    void kill_each() const;

    std::string root_;
    std::string path_;
};

}  // namespace vminit::supervisor

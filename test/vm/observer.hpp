// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "guest.hpp"

namespace vminit::test {

/// A container that shares the VM's pid namespace and stays: a shell whose commands look at PID 1 (`/proc/1`) and at
/// the VM's root (`/proc/1/root`) without a container's or an exec's coming and going in the figures.
class observer {
public:
    explicit observer(guest& vm);
    ~observer();
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;

    /// What one line of shell prints. Fails the test when the shell is gone.
    std::string ask(const std::string& line);

    /// The same as a number.
    std::int64_t number(const std::string& line);

    /// Asks again and again until the answer is this.
    void wait_until(const std::string& line, const std::string& answer);

    /// The pids, a line each, of the processes with exactly these words as their command line.
    std::string pids_of(const std::string& command);

    /// Nanoseconds that PID 1 has had a processor, all its threads together, also those that have ended. The rootfs has
    /// the worker.
    std::int64_t cpu_of_pid_one();

    /// How often one of PID 1's threads went to sleep in so many seconds of the guest's time, after a second's rest.
    std::int64_t wake_ups_within(int seconds);

    /// KB of anonymous memory of PID 1.
    std::int64_t memory_of_pid_one();

    /// What must be the same before and after: PID 1's descriptors, bundles and the mounts in them, zombies, runtime states,
    /// cgroups.
    std::string remains();

private:
    guest& vm_;
    std::string id_;
    named_stream in_;
    named_stream out_;
};

}  // namespace vminit::test

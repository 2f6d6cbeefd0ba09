// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "guest.hpp"
#include "inside/pattern.hpp"
#include "qmp_connection.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::test {

/// How often each thing was done, and what went wrong.
struct soak_count {
    std::uint64_t containers = 0;
    std::uint64_t execs = 0;
    std::uint64_t kills = 0;
    std::uint64_t slow_reads = 0;
    std::uint64_t dropped_connections = 0;
    std::uint64_t freezes = 0;         ///< thawed by a call
    std::uint64_t safety_thaws = 0;    ///< thawed by nobody's call
    std::uint64_t stalls = 0;          ///< of a disk
    std::uint64_t hotplugs = 0;        ///< memory blocks that somebody uses, taken offline or not
    std::uint64_t reopenings = 0;      ///< terminals that were closed and opened again
    std::uint64_t failed_creates = 0;  ///< as they should
    std::uint64_t signals = 0;         ///< to PID 1 from inside
    std::uint64_t bytes = 0;
    std::vector<std::string> failures;

    std::uint64_t operations() const { return containers + execs + kills + slow_reads + dropped_connections + freezes; }
};

/// The lanes of the soak: coroutines that each repeat one kind of work until they are told to stop. soak_crew.cpp has
/// those that work, soak_trouble.cpp those that make trouble for them.
class soak_crew {
public:
    /// The disk that stalls: its name in QEMU, and its serial number in the VM.
    static constexpr const char* stalling_drive = "disk3";
    static constexpr const char* stalling_serial = "slow";

    /// `directory` is the VM's.
    soak_crew(guest& vm, const std::string& directory);
    soak_crew(const soak_crew&) = delete;
    soak_crew& operator=(const soak_crew&) = delete;

    /// Works until `end`, then finishes what is begun and clears up.
    void work_until(clock::time_point end);

    const soak_count& count() const noexcept { return count_; }

    /// Processes that were started, each with the exit status that its exit must tell; -1 = whichever.
    const std::map<std::pair<std::string, std::string>, int>& started() const noexcept { return started_; }

private:
    bool goes_on() const;
    void fail(const std::string& what);
    void expect(const process_key& key, int status);
    std::size_t random_size(std::size_t most);

    awaitable<void> container_lane();
    awaitable<void> exec_lane();
    awaitable<void> kill_lane();
    awaitable<void> slow_reader_lane();
    awaitable<void> dropper_lane();
    awaitable<void> freezer_lane();
    awaitable<void> stall_lane();
    awaitable<void> hotplug_lane();
    awaitable<void> terminal_lane();
    awaitable<void> failed_create_lane();
    awaitable<void> signal_lane();

    /// Create and Start of a container that stays; false when that failed.
    awaitable<bool> begin(container_wish wish);
    awaitable<void> end(std::string id);
    awaitable<void> one_exec(std::string id, std::string exec_id, std::size_t bytes);
    awaitable<void> one_container(std::size_t bytes);
    awaitable<void> one_slow_read(std::string id);
    awaitable<void> one_drop(std::string id);
    awaitable<void> one_abandoned_output(std::string id);
    awaitable<void> one_freeze(std::string writer);
    awaitable<void> one_stall();
    awaitable<void> one_hotplug(std::uint32_t block);
    awaitable<void> one_reopening(std::string id);
    awaitable<void> one_failed_create();
    /// An exec that must end with status 0.
    awaitable<void> run_script(std::string id, std::string script);
    /// Requests a second to the disk that stalls; 0: as many as it can.
    void throttle(int requests);
    /// Wait and Delete; counts on this exit status.
    awaitable<void> finish(process_key key, int status);
    awaitable<void> operations_of_others(std::uint64_t count);

    guest& vm_;
    qmp_connection monitor_;
    container_calls& calls_;
    soak_count count_;
    std::map<std::pair<std::string, std::string>, int> started_;
    std::mt19937 random_{std::random_device{}()};
    clock::time_point end_{};
    condition worked_;
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/reaper/child.hpp"
#include "vminit/reaper/exit_status.hpp"
#include "vminit/reaper/spawn.hpp"

namespace vminit::reaper {

class launch_turns;
class reaper_core;

/// What the reaper has done so far; monotonic unless said otherwise.
struct reaper_counters {
    std::uint64_t launched = 0;
    std::uint64_t launch_failures = 0;
    std::uint64_t adopted = 0;
    std::uint64_t reaped = 0;          ///< known children collected
    std::uint64_t orphans_reaped = 0;  ///< unknown children collected: reparented to us, and failed execs
    std::size_t known = 0;             ///< now: children not collected yet
    std::size_t holds = 0;             ///< now: start_holds alive
    std::size_t kept = 0;              ///< now: statuses kept by pid after an overflow
};

/// While one lives, children we do not know yet stay zombies when they die, so that the pid a runtime has written to a
/// pid file keeps meaning that process until `adopt`. Take it before the runtime is started, drop it after `adopt`.
/// Move-only; harmless after shutdown.
class start_hold {
public:
    start_hold() noexcept = default;
    start_hold(start_hold&& other) noexcept = default;
    start_hold& operator=(start_hold&& other) noexcept;
    ~start_hold();

    /// Drops it early. Idempotent.
    void release() noexcept;
    explicit operator bool() const noexcept { return !core_.expired(); }

private:
    friend class reaper_service;
    explicit start_hold(std::weak_ptr<reaper_core> core) noexcept : core_(std::move(core)) {}
    std::weak_ptr<reaper_core> core_;
};

/// Collects every child of this process, for everybody: the only caller of waitpid(2).
///
/// Children that are not known (orphans reparented to PID 1 or to a subreaper) are collected and counted. One service a
/// process: it takes *all* children's statuses. Use from the context's thread, which must also be the thread that
/// outlives the children started with a parent death signal. It waits for SIGCHLD for ever, so `run()` of its context
/// returns only after `stop()`.
class reaper_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    /// More unknown zombies than this during a hold are collected after all, and their statuses kept by pid until the
    /// last hold goes: a fork storm during a slow runtime must not use up the VM's pids (pid_max is 32768).
    static constexpr std::size_t max_held_zombies = 4096;

    /// Statuses kept by pid, at most: as many as the default pid_max has pids. The oldest go first.
    static constexpr std::size_t max_kept_statuses = 32768;

    explicit reaper_service(asio::execution_context& context);
    ~reaper_service() override;

    /// Starts a process; it is known from its first instant, so its exit cannot be missed. Blocks until the child has
    /// exec'ed (a millisecond). Errors as `spawn`.
    result<child> launch(spawn_options options);

    /// Returns when it is the caller's turn to launch: one a turn of the loop, in order. A launch holds the loop up, and
    /// many in a row would delay everybody else by their sum. Cancellation does not end the wait, which is short.
    awaitable<void> launch_turn();

    /// Starts keeping unknown zombies; see `start_hold`.
    start_hold hold();

    /// Makes a process ours that was reparented to us, alive or already dead. Exact as long as a hold lived since
    /// before the process was made. Errors: not_found if it is not a child of ours (or was collected already),
    /// already_exists if it is known already: then it is not what the caller takes it for; invalid_argument for pid <=
    /// 0.
    result<child> adopt(pid_t pid);

    /// PR_SET_CHILD_SUBREAPER: orphans come to us although we are not PID 1. For embedding and for tests.
    result<void> become_subreaper();

    reaper_counters counters() const noexcept;

private:
    void shutdown() noexcept override;

    std::shared_ptr<reaper_core> core_;
    std::shared_ptr<launch_turns> turns_;
};

}  // namespace vminit::reaper

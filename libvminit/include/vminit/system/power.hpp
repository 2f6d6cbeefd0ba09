#pragma once

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::system {

/// One part of going down. `run` is awaited for `limit` at most; then it is cancelled and left behind, and the next
/// phase begins: nothing may hold up power-off.
struct shutdown_phase {
    shutdown_phase(std::string name, clock::duration limit, std::function<awaitable<void>()> run)
        : name(std::move(name)), limit(limit), run(std::move(run)) {}

    std::string name;
    clock::duration limit;
    std::function<awaitable<void>()> run;
};

struct power_options {
    /// From the first signal or request to `final_action`, whatever happens, even if the loop hangs.
    std::chrono::milliseconds hard_limit = std::chrono::seconds(3);

    /// How it ends. Called once from the loop when the sequence is through (or cut short by a second signal); the
    /// default powers the machine off as PID 1 and does nothing otherwise.
    std::function<void()> final_action;

    /// How it ends when `hard_limit` passes: called from a thread or a signal handler of its own, so async-signal-safe.
    /// The default powers off as PID 1, and ends the process with `_exit(1)` otherwise.
    void (*hard_limit_action)() = nullptr;
};

/// Waits for the reason to go down and then goes down, once.
///
/// SIGINT (ctrl-alt-del arrives as such), SIGTERM and SIGQUIT are taken over from construction on. The owner spawns
/// `run()` in a task group and keeps the object until it has ended.
class power_control {
public:
    explicit power_control(asio::io_context& context, power_options options = {});
    power_control(const power_control&) = delete;
    power_control& operator=(const power_control&) = delete;

    /// Phases run one after the other in the order they were added.
    void add_phase(shutdown_phase phase);

    /// Starts going down as if a signal had come; `reason` is logged. Idempotent.
    void request(std::string reason);

    bool is_going_down() const noexcept { return is_going_down_; }

    /// Waits for a signal or a request, runs the phases, then `final_action`, and returns. A second signal while going
    /// down skips what is left of the phases. Cancelled while waiting it throws like any wait.
    awaitable<void> run();

private:
    awaitable<void> watch_signals();
    awaitable<void> go_down();
    awaitable<void> run_phase(shutdown_phase phase);

    asio::io_context& context_;
    power_options options_;
    std::vector<shutdown_phase> phases_;
    asio::basic_signal_set<executor> signals_;
    condition changed_;
    task_group tasks_;
    std::string reason_;
    bool is_going_down_ = false;
    bool is_cut_short_ = false;
};

/// reboot(RB_POWER_OFF) if this is PID 1 of the machine or of a pid namespace; otherwise returns. Does not sync.
void power_off_machine() noexcept;

/// kill(2) of every process but this one, as PID 1; otherwise nothing. They are collected by the reaper as always.
void kill_all_processes(int signal) noexcept;

/// Calls `action` after `limit` from a thread of its own and, should that be impossible, from a SIGALRM handler: it
/// comes even when the loop hangs. Cannot be called off. `action` must be async-signal-safe.
void arm_watchdog(std::chrono::milliseconds limit, void (*action)()) noexcept;

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/system/power_watch.hpp"

namespace vminit::system {

enum class phase_order {
    in_turn,  ///< one after the other, in the order they were added
    beside,   ///< begun at once, beside those in turn
    last,     ///< as those in turn, when all the others are through
};

/// One part of going down. `run` is awaited for `limit` at most; then it is cancelled and left behind, and the next
/// phase begins: nothing may hold up power-off.
struct shutdown_phase {
    shutdown_phase(std::string name, clock::duration limit, std::function<awaitable<void>()> run,
                   phase_order order = phase_order::in_turn)
        : name(std::move(name)), limit(limit), run(std::move(run)), order(order) {}

    std::string name;
    clock::duration limit;
    std::function<awaitable<void>()> run;
    phase_order order;
};

/// How the machine goes down.
struct power_options {
    /// What each of the last phases may take once a second signal has come.
    clock::duration hurried_limit = std::chrono::milliseconds(200);

    /// How it ends. Called once from the loop when the sequence is through; the default is `end_machine`.
    std::function<void()> final_action;

    /// For the watch, if the power_control makes its own.
    power_watch_options watch;
};

/// Waits for the reason to go down and then goes down, once.
///
/// SIGINT (ctrl-alt-del arrives as such), SIGTERM and SIGQUIT are taken by a `power_watch`, which also limits the whole
/// way. The owner spawns `run()` in a task group and keeps the object until it has ended.
class power_control {
public:
    /// With a watch of its own.
    explicit power_control(asio::io_context& context, power_options options = {});

    /// With one that has been there longer, and outlives it.
    power_control(asio::io_context& context, power_watch& watch, power_options options = {});
    ~power_control();
    power_control(const power_control&) = delete;
    power_control& operator=(const power_control&) = delete;

    void add_phase(shutdown_phase phase);

    /// Starts going down as if a signal had come; `reason` is logged. Idempotent. The limit of the whole way begins here,
    /// whether somebody is in `run()` or not: what comes before it may hang.
    void request(std::string reason);

    bool is_going_down() const noexcept { return is_going_down_; }

    /// Waits for a signal or a request, runs the phases, then `final_action`, and returns. A second signal skips what is
    /// left of the phases but the last ones, which get `hurried_limit`. Cancelled while waiting it throws like any wait.
    awaitable<void> run();

private:
    struct running_phase;

    power_control(asio::io_context& context, std::unique_ptr<power_watch> own, power_watch* watch, power_options options);
    void open_reports();
    awaitable<void> watch_signals();
    void heed_signals();
    awaitable<void> go_down();
    std::unique_ptr<running_phase> begin(const shutdown_phase& phase);
    awaitable<void> finish(running_phase& phase);

    asio::io_context& context_;
    power_options options_;
    std::unique_ptr<power_watch> own_watch_;
    power_watch& watch_;
    std::vector<shutdown_phase> phases_;
    asio::posix::basic_stream_descriptor<executor> reports_;
    std::uint64_t report_ = 0;
    condition changed_;
    task_group tasks_;
    std::string reason_;
    bool is_going_down_ = false;
    bool is_cut_short_ = false;
};

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/boot_timeline.hpp"

namespace vminit::system {

enum class step_policy {
    fatal,  ///< a failure ends the boot: the caller cleans up and powers off
    warn,   ///< a failure is logged and the boot goes on
};

/// What went wrong inside a step that goes on regardless. A note makes the step `degraded`.
class step_notes {
public:
    void degraded(std::string text) { texts_.push_back(std::move(text)); }
    void degraded(const error& failure) { degraded(failure.message()); }
    /// Notes the error, if there is one.
    void expect(const result<void>& outcome) {
        if (!outcome) degraded(outcome.error());
    }
    const std::vector<std::string>& texts() const noexcept { return texts_; }

private:
    std::vector<std::string> texts_;
};

/// One step of the boot, as data: a node of the graph that `needs` makes of a plan.
struct boot_step {
    boot_step(std::string name, step_policy policy, std::function<result<void>(step_notes&)> run,
              std::vector<std::string> needs = {}, std::optional<blocking_lane> lane = blocking_lane::mounts)
        : name(std::move(name)), policy(policy), run(std::move(run)), needs(std::move(needs)), lane(lane) {}

    std::string name;
    step_policy policy;
    std::function<result<void>(step_notes&)> run;  ///< blocks
    /// The steps of the same plan, all before this one, that have ended when it begins.
    std::vector<std::string> needs;
    /// Where the graph runs it; none: on the loop itself, so it must not sleep.
    std::optional<blocking_lane> lane;
};

using boot_plan = std::vector<boot_step>;

/// Runs the steps one after the other, before there is a loop: they may block. Each is recorded in `timeline`; a note or a
/// failure is logged as a warning (an error, when it is fatal). An exception in a step is a failure of it.
///
/// Returns the error of the first fatal step that failed, with context `boot step <name>`; later steps are then not run.
result<void> run_boot(const boot_plan& plan, boot_timeline& timeline, logger& log);

/// The same while serving: each step runs in its lane of the `blocking_service` as soon as those it needs have ended, well
/// or not, and `on_end` is then called with its name on the loop. Once a fatal step has failed no more are begun: they fail
/// with it, unlogged. Returns when all have ended. `timeline` outlives the coroutine. When cancelled, steps that have not
/// begun never do.
awaitable<result<void>> run_boot_graph(asio::io_context& context, boot_plan plan, boot_timeline& timeline,
                                       std::function<void(const std::string& step)> on_end = {});

}  // namespace vminit::system

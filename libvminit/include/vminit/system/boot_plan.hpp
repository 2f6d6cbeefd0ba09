#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
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

/// Where a step runs.
enum class boot_lane {
    main,    ///< one after the other
    aside,   ///< in a second thread, beside the steps that follow; steps aside run one after the other as well
    joined,  ///< like `main`, once everything aside has ended
};

/// One step of the boot, as data.
struct boot_step {
    boot_step(std::string name, step_policy policy, std::function<result<void>(step_notes&)> run,
              boot_lane lane = boot_lane::main)
        : name(std::move(name)), policy(policy), run(std::move(run)), lane(lane) {}

    std::string name;
    step_policy policy;
    std::function<result<void>(step_notes&)> run;  ///< blocks
    boot_lane lane;
};

using boot_plan = std::vector<boot_step>;

/// Runs the steps, each in its lane, before serving: they may block. Returns when all have ended. Each is recorded in
/// `timeline` (those aside when they are joined); a note or a failure is logged as a warning (an error, when it is
/// fatal). An exception in a step is a failure of it.
///
/// Returns the error of the first fatal step that failed, with context `boot step <name>`; later steps of the main lane
/// are then not run.
result<void> run_boot(const boot_plan& plan, boot_timeline& timeline, logger& log);

/// The same while serving: the steps run one after the other in the `blocking_service`, whatever their lane. No failure
/// is fatal any more. `timeline` outlives the coroutine.
awaitable<void> run_late_boot(asio::io_context& context, boot_plan plan, boot_timeline& timeline);

}  // namespace vminit::system

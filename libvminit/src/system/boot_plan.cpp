#include "vminit/system/boot_plan.hpp"

#include <exception>

namespace vminit::system {

namespace {

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const auto& text : texts) {
        if (!all.empty()) all += "; ";
        all += text;
    }
    return all;
}

// A bug in a step must not end PID 1 before it has a loop to catch it.
result<void> run_guarded(const boot_step& step, step_notes& notes) try {
    return step.run(notes);
} catch (const std::exception& thrown) {
    return error(errc::internal, thrown.what());
}

step_record run_step(const boot_step& step, boot_timeline& timeline, result<void>& outcome) {
    step_notes notes;
    step_record record(step.name, timeline.now(), {});
    outcome = run_guarded(step, notes);
    record.ended = timeline.now();
    record.text = joined(notes.texts());
    if (outcome && !notes.texts().empty()) record.outcome = step_outcome::degraded;
    if (!outcome) {
        record.outcome = step_outcome::failed;
        record.text = outcome.error().message() + (record.text.empty() ? "" : "; " + record.text);
    }
    return record;
}

}  // namespace

result<void> run_boot(const boot_plan& plan, boot_timeline& timeline, logger& log) {
    for (const auto& step : plan) {
        result<void> outcome;
        auto record = run_step(step, timeline, outcome);
        timeline.record(record);
        bool is_fatal = !outcome && step.policy == step_policy::fatal;
        if (is_fatal) {
            log.error("boot step failed", {{"step", step.name}, {"error", record.text}});
            return outcome.error().within("boot step " + step.name);
        }
        if (record.outcome == step_outcome::failed) {
            log.warn("boot step failed", {{"step", step.name}, {"error", record.text}});
        } else if (record.outcome == step_outcome::degraded) {
            log.warn("boot step degraded", {{"step", step.name}, {"problems", record.text}});
        }
    }
    return {};
}

}  // namespace vminit::system

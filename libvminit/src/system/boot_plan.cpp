// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/boot_plan.hpp"

#include <algorithm>
#include <exception>
#include <memory>

#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"

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

// A step that has run.
struct step_run {
    step_policy policy = step_policy::warn;
    step_record record;
    result<void> outcome;
};

// A bug in a step must not end PID 1 before it has a loop to catch it.
result<void> run_guarded(const boot_step& step, step_notes& notes) try {
    return step.run(notes);
} catch (const std::exception& thrown) {
    return error(errc::internal, thrown.what());
}

step_run perform(const boot_step& step, const boot_timeline& timeline) {
    step_notes notes;
    step_run run{step.policy, step_record(step.name, timeline.now(), {}), {}};
    run.outcome = run_guarded(step, notes);
    run.record.ended = timeline.now();
    run.record.text = joined(notes.texts());
    if (run.outcome && !notes.texts().empty()) run.record.outcome = step_outcome::degraded;
    if (!run.outcome) {
        run.record.outcome = step_outcome::failed;
        run.record.text = run.outcome.error().message() + (run.record.text.empty() ? "" : "; " + run.record.text);
    }
    return run;
}

void tell(const step_run& run, logger& log) {
    const auto& record = run.record;
    bool is_fatal = run.policy == step_policy::fatal && !run.outcome;
    if (is_fatal) {
        log.error("boot step failed", {{"step", record.name}, {"error", record.text}});
    } else if (record.outcome == step_outcome::failed) {
        log.warn("boot step failed", {{"step", record.name}, {"error", record.text}});
    } else if (record.outcome == step_outcome::degraded) {
        log.warn("boot step degraded", {{"step", record.name}, {"problems", record.text}});
    }
}

// Records and logs runs and remembers the first fatal failure.
class boot_ledger {
public:
    boot_ledger(boot_timeline& timeline, logger& log) : timeline_(timeline), log_(log) {}

    void enter(step_run run) {
        if (outcome_) tell(run, log_);  // what comes after a fatal failure is its consequence
        bool is_fatal = run.policy == step_policy::fatal && !run.outcome;
        if (is_fatal && outcome_) outcome_ = run.outcome.error().within("boot step " + run.record.name);
        timeline_.record(std::move(run.record));
    }
    const result<void>& outcome() const noexcept { return outcome_; }

private:
    boot_timeline& timeline_;
    logger& log_;
    result<void> outcome_;
};

step_run not_run(const boot_step& step, const boot_timeline& timeline, error why) {
    step_run run{step.policy, step_record(step.name, timeline.now(), timeline.now(), step_outcome::failed), std::move(why)};
    run.record.text = run.outcome.error().message();
    return run;
}

// A plan on the loop, shared with the steps that run: they may outlive the one who waits for them.
class boot_graph : public std::enable_shared_from_this<boot_graph> {
public:
    boot_graph(asio::io_context& context, boot_plan plan, boot_timeline& timeline,
               std::function<void(const std::string&)> on_end)
        : context_(context),
          plan_(std::move(plan)),
          timeline_(timeline),
          on_end_(std::move(on_end)),
          ledger_(timeline, log_of(context)),
          changed_(context.get_executor()),
          steps_(context.get_executor(), log_of(context)) {
        for (const auto& step : plan_) pending_.push_back(step.name);
    }

    awaitable<result<void>> run() {
        for (const auto& step : plan_) steps_.spawn(step.name, run_when_ready(shared_from_this(), step));
        while (!pending_.empty()) {
            bool goes_on = co_await changed_.wait();
            if (goes_on) continue;
            steps_.stop();
            co_return error(errc::cancelled, "boot");
        }
        co_return ledger_.outcome();
    }

private:
    static awaitable<void> run_when_ready(std::shared_ptr<boot_graph> self, const boot_step& step) {
        while (self->has_pending_needs(step)) {
            bool goes_on = co_await self->changed_.wait();
            if (!goes_on) co_return;
        }
        auto run = co_await self->attempt(step);
        self->end(std::move(run));
    }

    // Each step ends, whatever happens: others wait for it.
    awaitable<step_run> attempt(const boot_step& step) try {
        // What a fatal failure leaves behind nothing can count on.
        if (!ledger_.outcome()) co_return not_run(step, timeline_, ledger_.outcome().error());
        if (!step.lane) co_return perform(step, timeline_);
        // The timeline is the loop's; its clock is the system's.
        auto job = [step]() -> result<step_run> { return perform(step, boot_timeline()); };
        auto run = co_await asio::use_service<blocking_service>(context_).run(*step.lane, std::move(job), step.name);
        if (!run) co_return not_run(step, timeline_, run.error());
        co_return std::move(*run);
    } catch (const std::exception& thrown) {
        co_return not_run(step, timeline_, error(errc::internal, thrown.what()));
    }

    void end(step_run run) {
        auto name = run.record.name;
        ledger_.enter(std::move(run));
        std::erase(pending_, name);
        changed_.notify_all();
        if (on_end_) on_end_(name);
    }

    bool has_pending_needs(const boot_step& step) const {
        auto is_pending = [this](const std::string& name) {
            return std::find(pending_.begin(), pending_.end(), name) != pending_.end();
        };
        return std::any_of(step.needs.begin(), step.needs.end(), is_pending);
    }

    asio::io_context& context_;
    const boot_plan plan_;
    boot_timeline& timeline_;
    std::function<void(const std::string&)> on_end_;
    boot_ledger ledger_;
    condition changed_;
    std::vector<std::string> pending_;
    task_group steps_;
};

}  // namespace

result<void> run_boot(const boot_plan& plan, boot_timeline& timeline, logger& log) {
    boot_ledger ledger(timeline, log);
    for (const auto& step : plan) {
        ledger.enter(perform(step, timeline));
        if (!ledger.outcome()) break;
    }
    return ledger.outcome();
}

awaitable<result<void>> run_boot_graph(asio::io_context& context, boot_plan plan, boot_timeline& timeline,
                                       std::function<void(const std::string& step)> on_end) {
    auto graph = std::make_shared<boot_graph>(context, std::move(plan), timeline, std::move(on_end));
    co_return co_await graph->run();
}

}  // namespace vminit::system

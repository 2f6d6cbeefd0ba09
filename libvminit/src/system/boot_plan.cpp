#include "vminit/system/boot_plan.hpp"

#include <exception>
#include <memory>

#include "vminit/core/blocking.hpp"
#include "vminit/core/worker_thread.hpp"

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

// The steps aside, in a thread of their own from the first of them on.
class aside_lane {
public:
    aside_lane(const boot_plan& plan, const boot_timeline& timeline) : plan_(plan), timeline_(timeline) {}
    aside_lane(const aside_lane&) = delete;
    aside_lane& operator=(const aside_lane&) = delete;

    void start() {
        if (is_started_) return;
        is_started_ = true;
        auto started = worker_thread::start([this] { run(); });
        if (!started) return run();  // slower, nothing else
        thread_ = std::move(*started);
    }

    std::vector<step_run> join() {
        thread_.join();
        return std::exchange(runs_, {});
    }

private:
    void run() {
        for (const auto& step : plan_) {
            if (step.lane == boot_lane::aside) runs_.push_back(perform(step, timeline_));
        }
    }

    const boot_plan& plan_;
    const boot_timeline& timeline_;
    std::vector<step_run> runs_;  // the thread's until it is joined
    bool is_started_ = false;
    worker_thread thread_;  // last: its end is awaited before the rest goes
};

// Records and logs runs and remembers the first fatal failure.
class boot_ledger {
public:
    boot_ledger(boot_timeline& timeline, logger& log) : timeline_(timeline), log_(log) {}

    void enter(step_run run) {
        tell(run, log_);
        bool is_fatal = run.policy == step_policy::fatal && !run.outcome;
        if (is_fatal && outcome_) outcome_ = run.outcome.error().within("boot step " + run.record.name);
        timeline_.record(std::move(run.record));
    }
    void enter(std::vector<step_run> runs) {
        for (auto& run : runs) enter(std::move(run));
    }
    const result<void>& outcome() const noexcept { return outcome_; }

private:
    boot_timeline& timeline_;
    logger& log_;
    result<void> outcome_;
};

}  // namespace

result<void> run_boot(const boot_plan& plan, boot_timeline& timeline, logger& log) {
    boot_ledger ledger(timeline, log);
    aside_lane aside(plan, timeline);
    for (const auto& step : plan) {
        if (step.lane == boot_lane::aside) {
            aside.start();
            continue;
        }
        if (step.lane == boot_lane::joined) ledger.enter(aside.join());
        if (!ledger.outcome()) break;
        ledger.enter(perform(step, timeline));
        if (!ledger.outcome()) break;
    }
    ledger.enter(aside.join());
    return ledger.outcome();
}

awaitable<void> run_late_boot(asio::io_context& context, boot_plan plan, boot_timeline& timeline) {
    auto& blocking = asio::use_service<blocking_service>(context);
    for (auto& step : plan) {
        std::string name = step.name;
        auto started = timeline.now();
        // A copy of the timeline's clock would do; the timeline itself is the loop's.
        auto job = [step = std::move(step)]() -> result<step_run> { return perform(step, boot_timeline()); };
        auto run = co_await blocking.run(blocking_lane::files, std::move(job), name);
        boot_ledger ledger(timeline, log_of(context));
        if (run) {
            run->policy = step_policy::warn;
            ledger.enter(std::move(*run));
            continue;
        }
        step_run refused{step_policy::warn, step_record(name, started, timeline.now()), run.error()};
        refused.record.outcome = step_outcome::failed;
        refused.record.text = run.error().message();
        ledger.enter(std::move(refused));
    }
}

}  // namespace vminit::system

#include "runc/driver.hpp"

#include "runc/runtime_error.hpp"
#include "runc/runtime_log.hpp"

namespace vminit::runc {

namespace {

std::string seconds_text(clock::duration limit) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) + " s";
}

report report_of(std::string_view argv0, clock::duration limit, command_outcome outcome) {
    report made;
    switch (outcome.end) {
        case command_end::exited: {
            auto all = outcome.output + outcome.error_output;
            made.base = exit_text(argv0, outcome.status, all);
            made.brief = exit_text(argv0, outcome.status, last_line(all));
            break;
        }
        case command_end::not_started:
            made.base = os_text(outcome.failure);
            break;
        case command_end::timed_out:
            made.kind = errc::deadline_exceeded;
            made.base = std::string(argv0) + " did not finish within " + seconds_text(limit);
            break;
        case command_end::cancelled:
            made.kind = errc::cancelled;
            made.base = std::string(argv0) + " was killed";
            break;
    }
    if (made.brief.empty()) made.brief = made.base;
    made.outcome = std::move(outcome);
    return made;
}

}  // namespace

error report::failed(std::string_view what) const {
    return error(kind, std::string(what) + ": " + logged.value_or(brief));
}

std::string report::everything() const { return base + "\n" + logged.value_or(""); }

// One runtime at work: its log may not be emptied meanwhile, and only what it appends is its own.
class runc_service::driver::invocation {
public:
    invocation(driver& owner, std::string log) : owner_(owner), log_(std::move(log)), mark_(log_) {
        ++owner_.open_logs_[log_];
        ++owner_.running_;
    }
    invocation(const invocation&) = delete;
    invocation& operator=(const invocation&) = delete;
    ~invocation() {
        --owner_.running_;
        if (--owner_.open_logs_[log_] > 0) return;
        owner_.open_logs_.erase(log_);
        rotate_log(log_);
    }

    std::optional<std::string> logged_error() const { return mark_.last_error(); }

private:
    driver& owner_;
    std::string log_;
    log_mark mark_;
};

awaitable<report> runc_service::driver::run(std::string log_file, command what) {
    invocation current(*this, std::move(log_file));
    auto argv0 = what.argv.front();
    auto limit = what.limit;
    auto outcome = co_await run_command(context_, std::move(what));
    auto made = report_of(argv0, limit, std::move(outcome));
    if (made.outcome.end == command_end::exited && !made.is_success()) made.logged = current.logged_error();
    co_return made;
}

}  // namespace vminit::runc

// SPDX-License-Identifier: Apache-2.0
#include "runc/driver.hpp"

#include <array>

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

class counted {
public:
    explicit counted(std::size_t& number) : number_(number) { ++number_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --number_; }

private:
    std::size_t& number_;
};

}  // namespace

error report::failed(std::string_view what) const {
    return error(kind, std::string(what) + ": " + explained(logged.value_or(brief)));
}

std::string report::everything() const { return base + "\n" + logged.value_or(""); }

awaitable<report> runc_service::driver::run(command what) {
    auto log = runtime_log::create();
    if (!log) {
        command_outcome outcome;
        outcome.failure = log.error();
        co_return report_of(what.argv.front(), what.limit, std::move(outcome));
    }
    const std::array<std::string, 4> flags = {"--log", log->path(), "--log-format", "json"};
    what.argv.insert(what.argv.begin() + 1, flags.begin(), flags.end());
    auto made = co_await run_unlogged(std::move(what));
    if (made.outcome.end == command_end::exited && !made.is_success()) made.logged = log->last_error();
    co_return made;
}

awaitable<report> runc_service::driver::run_unlogged(command what) {
    counted one(running_);
    auto argv0 = what.argv.front();
    auto limit = what.limit;
    auto outcome = co_await run_command(context_, std::move(what));
    co_return report_of(argv0, limit, std::move(outcome));
}

}  // namespace vminit::runc

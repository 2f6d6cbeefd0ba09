// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/log.hpp"

namespace vminit::system {

/// Time since the kernel started, suspended time included (CLOCK_BOOTTIME).
using uptime = std::chrono::microseconds;
uptime uptime_now() noexcept;

enum class step_outcome {
    ok,
    degraded,  ///< it did what it is for, but not all of it
    failed,
};

/// One boot step as it went.
struct step_record {
    step_record() = default;
    step_record(std::string name, uptime started, uptime ended, step_outcome outcome = step_outcome::ok,
                std::string text = {})
        : name(std::move(name)), started(started), ended(ended), outcome(outcome), text(std::move(text)) {}

    std::string name;
    uptime started{};
    uptime ended{};
    step_outcome outcome = step_outcome::ok;
    std::string text;  ///< why it is degraded or failed; empty when ok
};

/// One point of readiness: `pid1-entry`, `system-init`, `vsock-listen`, `serve`, `first-accept`.
struct milestone {
    std::string phase;
    uptime at{};
};

enum class boot_profile { off, on };

/// How this boot went: recorded once, printed as the lines hosts parse, answered by RPC.
///
/// Recording works before there is a console; `print_to` catches up. Not thread-safe: loop thread (or boot) only.
class boot_timeline {
public:
    /// A bound on what an endless caller could record; a boot has some twenty.
    static constexpr std::size_t max_records = 256;

    explicit boot_timeline(std::function<uptime()> now = uptime_now);

    uptime now() const { return now_(); }

    /// Records a milestone: `VMINITD_READY uptime_us=<at> phase=<phase>`.
    void reached(std::string phase);

    /// Records a finished step, with profiling on printed as
    /// `VMINITD_PROFILE <name> delta_us=<since the previous one ended> total_us=<since the first record>`.
    /// A step of a name that is known (a network device that came late) takes the place of the first, and is not printed.
    void record(step_record step);

    /// Prints what has been recorded so far, and from now on each record when it comes. `log` outlives the timeline.
    void print_to(logger& log, boot_profile profile);

    const std::vector<step_record>& steps() const noexcept { return steps_; }
    const std::vector<milestone>& milestones() const noexcept { return milestones_; }

private:
    struct position {
        bool is_milestone = false;
        std::size_t index = 0;
    };
    void add(position entry, uptime at);
    void print(position entry);

    std::function<uptime()> now_;
    std::vector<step_record> steps_;
    std::vector<milestone> milestones_;
    std::vector<position> order_;
    uptime first_{};
    uptime previous_{};
    logger* log_ = nullptr;
    boot_profile profile_ = boot_profile::off;
};

}  // namespace vminit::system

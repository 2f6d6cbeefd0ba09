// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>

#include "client_session.hpp"
#include "clock_comparison.hpp"
#include "commands/commands.hpp"
#include "time_text.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::vminitctl {

namespace {

namespace wire = vminit::system::v1;

constexpr double longest_move = 86400.0 * 36500;  // seconds

struct time_options {
    std::string action = "get";
    std::optional<double> by;  // seconds
    std::string from;          // empty: the best there is
};

/// What the clock is to be moved by.
result<std::int64_t> difference(const clock_comparison& seen, const time_options& options) {
    if (options.by) return std::llround(*options.by * 1e9);
    if (options.from == "here") return -seen.ahead_ns;
    for (const auto& device : seen.clock.devices()) {
        bool is_meant = options.from.empty() ? device.description() == kvm_clock : device.name() == options.from;
        if (!is_meant) continue;
        if (device.problem().empty()) return -device.ahead_ns();
        if (!options.from.empty()) return error(errc::unavailable, device.problem());
    }
    if (options.from.empty()) return -seen.ahead_ns;
    return error(errc::not_found, fmt::format("the guest has no clock {}", options.from));
}

std::string span_text(std::int64_t nanos) { return fmt::format("{:+.6f} s", static_cast<double>(nanos) / 1e9); }

field devices_field(const wire::ClockResponse& clock) {
    boost::json::array list;
    std::string text;
    for (const auto& device : clock.devices()) {
        bool is_read = device.problem().empty();
        list.push_back({{"name", device.name()},
                        {"description", device.description()},
                        {"ahead_ns", is_read ? boost::json::value(device.ahead_ns()) : boost::json::value(nullptr)},
                        {"problem", device.problem()}});
        auto said = is_read ? "ahead of it " + span_text(device.ahead_ns()) : device.problem();
        text += fmt::format("{}{} ({}): {}", text.empty() ? "" : ", ", device.name(), device.description(), said);
    }
    return field("ptp_clocks", std::move(list), text.empty() ? "none" : text);
}

record facts_of(const clock_comparison& seen) {
    const auto& clock = seen.clock;
    std::string sources;
    for (const auto& source : clock.sources()) sources += (sources.empty() ? "" : " ") + source;
    return {{"time", format_time(clock.now().seconds(), clock.now().nanos())},
            {"ahead_ns", seen.ahead_ns,
             fmt::format("{} (+- {:.6f} s)", span_text(seen.ahead_ns), static_cast<double>(seen.uncertain_ns) / 1e9)},
            {"uncertain_ns", seen.uncertain_ns, fmt::format("{:.6f} s", static_cast<double>(seen.uncertain_ns) / 1e9)},
            {"slewing_ns", clock.slewing_ns(), span_text(clock.slewing_ns())},
            {"synchronized", clock.synchronized(), clock.synchronized() ? "yes" : "no"},
            {"source", clock.source()},
            {"sources", boost::json::array(clock.sources().begin(), clock.sources().end()), sources},
            devices_field(clock)};
}

awaitable<result<int>> time(client_session& guest, time_options options) {
    auto seen = co_await compare_clocks(guest);
    if (!seen) co_return seen.error();
    std::int64_t moved = 0;
    if (options.action != "get") {
        auto wanted = difference(*seen, options);
        if (!wanted) co_return wanted.error();
        moved = *wanted;
        wire::ClockRequest request;
        if (options.action == "step") request.set_step_ns(moved);
        if (options.action == "slew") request.set_slew_ns(moved);
        wire::MachineClient machine(guest.rpc());
        auto answer = co_await machine.Clock(std::move(request), guest.call_limit());
        if (!answer) co_return answer.error();
        seen = co_await compare_clocks(guest);
        if (!seen) co_return seen.error();
    }
    auto facts = facts_of(*seen);
    if (options.action == "step") facts.insert(facts.begin(), {"stepped_ns", moved, span_text(moved)});
    guest.out().answer(facts);
    co_return 0;
}

result<void> check(const time_options& options) {
    bool is_move = options.by || !options.from.empty();
    if (options.action == "get" && is_move) {
        return error(errc::invalid_argument, "--by and --from are for step and slew");
    }
    if (options.by && !options.from.empty()) {
        return error(errc::invalid_argument, "--by and --from exclude each other");
    }
    if (options.by && !(std::abs(*options.by) <= longest_move)) {
        return error(errc::invalid_argument, "--by: more than a hundred years");
    }
    return {};
}

}  // namespace

void add_time(command_set& commands) {
    auto options = std::make_shared<time_options>();
    auto& command = commands.add("time", "the guest's clock beside ours, and how to set it right",
                                 [options](client_session& guest) { return time(guest, *options); });
    command.add_option("ACTION", options->action, "get (the default), step (at once) or slew (0.5 ms a second)")
        ->check(CLI::IsMember({"get", "step", "slew"}));
    command.add_option("--by", options->by, "seconds to move it by, instead of setting it right");
    command.add_option("--from", options->from,
                       "what is right: here (our clock) or a PTP clock of the guest (ptp0); default: KVM's, else here");
    command.footer("After a pause or a snapshot of the VM. resume also gives the guest fresh random bytes.");
    commands.checks(command, [options] { return check(*options); });
}

}  // namespace vminit::vminitctl

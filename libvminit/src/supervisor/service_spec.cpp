// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/service_spec.hpp"

#include <algorithm>

#include "vminit/core/identifier.hpp"

namespace vminit::supervisor {

namespace {

bool is_absolute(const std::string& path) { return path.starts_with('/'); }

bool is_absolute_or_none(const std::string& path) { return path.empty() || is_absolute(path); }

bool is_assignment(const std::string& entry) {
    auto equals = entry.find('=');
    return equals != std::string::npos && equals > 0;
}

}  // namespace

std::optional<start_trigger> parse_start_trigger(std::string_view text) noexcept {
    if (text == "at_once") return start_trigger::at_once;
    if (text == "extras") return start_trigger::extras;
    if (text == "rootfs") return start_trigger::rootfs;
    return std::nullopt;
}

service_spec spin_supervisor_spec(start_trigger trigger) {
    service_spec spec;
    spec.name = "spin-supervisor";
    spec.binaries = {"/run/spin-stack/spin-supervisor", "/var/lib/spin-stack/bin/spin-supervisor"};
    spec.trigger = trigger;
    spec.rootfs_variable = "SPINBOX_OVERLAY_ROOT";
    spec.binary_mode = 0755;
    spec.pid_file = "/run/spin-supervisor.pid";
    spec.log_file = "/var/log/spin-supervisor.log";
    return spec;
}

result<void> validate(const service_spec& spec) {
    auto refuse = [&](std::string_view why) -> result<void> {
        return error(errc::invalid_argument, "service \"" + spec.name + "\": " + std::string(why));
    };
    if (!is_identifier(spec.name)) return refuse("the name is not an identifier");
    if (spec.binaries.empty()) return refuse("no binary");
    if (!std::ranges::all_of(spec.binaries, is_absolute)) return refuse("the path of a binary is not absolute");
    if (!is_absolute_or_none(spec.pid_file)) return refuse("the path of the pid file is not absolute");
    if (!is_absolute_or_none(spec.log_file)) return refuse("the path of the log file is not absolute");
    if (!std::ranges::all_of(spec.environment, is_assignment)) return refuse("an environment entry is not KEY=value");
    if (spec.log_limit < min_log_limit) return refuse("the log limit is under 4096 bytes");
    return {};
}

}  // namespace vminit::supervisor

// SPDX-License-Identifier: Apache-2.0
#include "diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "boot_lines.hpp"
#include "log_line.hpp"

namespace vminit::vminitctl {

namespace system_api = containerd::vminitd::services::system::v1;
namespace own = vminit::system::v1;

namespace {

constexpr std::pair<int, int> oldest_kernel{5, 14};
constexpr std::int64_t clock_tolerance_ns = 1000000000;

/// A word of Info's capabilities, and who misses it.
struct wanted_capability {
    std::string_view word;
    diagnosis without;
    std::string_view use;
    std::string_view source = {};  ///< a kernel option, or why it is not there; empty: vminitd is older
};

// docs/health.md says what the words mean, docs/kernel which options are for what.
constexpr wanted_capability wanted_capabilities[] = {
    {"rpc:containerd.task.v3.Task", diagnosis::missing, "containers: run, exec, kill, wait ..."},
    {"rpc:containerd.vminitd.services.bundle.v1.Bundle", diagnosis::missing, "run and create: a container's files"},
    {"rpc:vminit.process.v1.Container", diagnosis::absent, "logs, attach and cp"},
    {"rpc:vminit.forward.v1.Forward", diagnosis::absent, "port"},
    {"rpc:vminit.system.v1.Machine", diagnosis::absent, "dmesg, time, network and reclaim"},
    {"rpc:spinbox.services.vmevents.v1.Events", diagnosis::absent, "events"},
    {"rpc:vminit.supervisor.v1.Supervisor", diagnosis::absent, "supervisor"},
    {"stdio:stream", diagnosis::missing, "what containers read and write"},
    {"mount:serial", diagnosis::absent, "run --rootfs with a disk's serial number"},
    {"user:name", diagnosis::absent, "run and exec --user with names"},
    {"init:container", diagnosis::absent, "run --init", "vminitd is not its /init"},
    {"task:pause", diagnosis::absent, "pause and resume", "its host dialect refuses them"},
    {"freeze:ext4", diagnosis::absent, "freeze: consistent snapshots of disks"},
    {"cgroup:memory", diagnosis::missing, "memory limits of containers", "CONFIG_MEMCG"},
    {"cgroup:cpu", diagnosis::missing, "processor shares and quotas of containers", "CONFIG_CGROUP_SCHED"},
    {"cgroup:pids", diagnosis::missing, "a limit to a container's processes", "CONFIG_CGROUP_PIDS"},
    {"cgroup:cpuset", diagnosis::absent, "containers on chosen processors", "CONFIG_CPUSETS"},
    {"cgroup:io", diagnosis::absent, "limits and figures of disks", "CONFIG_BLK_CGROUP"},
    {"cgroup:hugetlb", diagnosis::absent, "limits of huge pages", "CONFIG_CGROUP_HUGETLB"},
    {"hotplug:cpu", diagnosis::absent, "cpu: processors that come and go", "CONFIG_HOTPLUG_CPU"},
    {"hotplug:memory", diagnosis::absent, "memory that comes and goes", "CONFIG_MEMORY_HOTPLUG"},
};

finding capability_finding(const wanted_capability& wanted, const system_api::InfoResponse& info) {
    const auto& words = info.capabilities();
    bool is_there = std::find(words.begin(), words.end(), wanted.word) != words.end();
    if (is_there) return {std::string(wanted.word), diagnosis::ok, std::string(wanted.use)};
    std::string source = "this vminitd does not have it";
    if (!wanted.source.empty()) source = wanted.source;
    if (wanted.source.starts_with("CONFIG_")) source = fmt::format("the kernel needs {}", wanted.source);
    return {std::string(wanted.word), wanted.without, fmt::format("{}: {}", wanted.use, source)};
}

finding version_finding(const std::string& guest_version, std::string_view own_version) {
    if (guest_version == own_version) return {"version", diagnosis::ok, fmt::format("vminitd {}", guest_version)};
    return {"version", diagnosis::ok, fmt::format("vminitd {}, vminitctl {}", guest_version, own_version)};
}

/// Of `Linux version 6.1.0-13-cloud-amd64 (...) ...`; 0 and 0 for anything else.
std::pair<int, int> kernel_release(std::string_view line) {
    constexpr std::string_view before = "Linux version ";
    std::pair<int, int> release{0, 0};
    auto begin = line.find(before);
    if (begin == std::string_view::npos) return release;
    const char* end = line.data() + line.size();
    auto major = std::from_chars(line.data() + begin + before.size(), end, release.first);
    if (major.ptr != end && *major.ptr == '.') std::from_chars(major.ptr + 1, end, release.second);
    return release;
}

finding kernel_finding(const std::string& line) {
    auto release = kernel_release(line);
    auto text = fmt::format("Linux {}.{}", release.first, release.second);
    auto oldest = fmt::format("{}.{} or later", oldest_kernel.first, oldest_kernel.second);
    if (release.first == 0) return {"kernel", diagnosis::degraded, "no Linux that is known: \"" + line + "\""};
    if (release >= oldest_kernel) return {"kernel", diagnosis::ok, text};
    return {"kernel", diagnosis::missing, fmt::format("{}: vminitd needs {}", text, oldest)};
}

finding runtime_finding(const std::string& version) {
    if (!version.empty()) return {"runtime", diagnosis::ok, version};
    return {"runtime", diagnosis::absent, "it has not said its version (yet); whether it can start is runc's health"};
}

void add_boot(findings& all, const system_api::InfoResponse& info) {
    for (const auto& step : info.degraded_steps()) {
        auto text = std::string(boot_outcome(step.outcome()));
        if (!step.text().empty()) text += ": " + step.text();
        all.push_back({"boot: " + step.name(), diagnosis::degraded, std::move(text)});
    }
    if (info.degraded_steps().empty()) all.push_back({"boot", diagnosis::ok, "every step did what it is for"});
}

std::string_view state_word(diagnosis state) {
    switch (state) {
        case diagnosis::ok:
            return "ok";
        case diagnosis::absent:
            return "absent";
        case diagnosis::degraded:
            return "degraded";
        case diagnosis::missing:
            break;
    }
    return "missing";
}

}  // namespace

findings findings_of(const system_api::InfoResponse& info, std::string_view own_version) {
    findings all{version_finding(info.version(), own_version), kernel_finding(info.kernel_version())};
    add_boot(all, info);
    all.push_back(runtime_finding(info.runtime_version()));
    for (const auto& wanted : wanted_capabilities) all.push_back(capability_finding(wanted, info));
    return all;
}

findings findings_of(const own::HealthResponse& health) {
    findings all;
    for (const auto& layer : health.layers()) {
        if (layer.state() == own::HealthResponse::OK) continue;
        all.push_back({"health: " + layer.name(), diagnosis::degraded, layer.text()});
    }
    if (all.empty()) all.push_back({"health", diagnosis::ok, fmt::format("{} layers", health.layers_size())});
    return all;
}

findings findings_of(const clock_comparison& clocks) {
    auto seconds = static_cast<double>(std::abs(clocks.ahead_ns)) / 1e9;
    finding difference{"clock", diagnosis::ok,
                       fmt::format("{:.3f} s {} this machine's", seconds, clocks.ahead_ns < 0 ? "behind" : "ahead of")};
    if (std::abs(clocks.ahead_ns) > clock_tolerance_ns + clocks.uncertain_ns) {
        difference.state = diagnosis::degraded;
        difference.text += ": vminitctl time step sets it right";
    }
    finding device{"host clock", diagnosis::absent,
                   "what time prefers: the kernel needs CONFIG_PTP_1588_CLOCK_KVM, on KVM"};
    for (const auto& clock : clocks.clock.devices()) {
        if (clock.description() != kvm_clock) continue;
        bool is_read = clock.problem().empty();
        device = {"host clock", is_read ? diagnosis::ok : diagnosis::degraded,
                  is_read ? clock.name() : clock.problem()};
    }
    return {difference, device};
}

void kernel_log_findings::take(const own::LogLine& line) {
    if (line.source() != own::LogsRequest::KERNEL) return;
    if (lines_++ == 0) has_lost_its_beginning_ = line.lost() > 0;
    const auto& text = line.text();
    if (text.find("crng init done") != std::string::npos) {
        is_random_ready_ = true;
        random_ready_us_ = line.time_us();
    }
    // With another capital it is about the limit of a container, which is that container's own matter.
    bool is_failure = text.starts_with("Out of memory: Killed process") ||
                      text.find(": page allocation failure") != std::string::npos;
    if (!is_failure) return;
    ++memory_failures_;
    last_memory_failure_ = without_escapes(text);
}

findings kernel_log_findings::all() const {
    finding random{"random", diagnosis::ok,
                   fmt::format("ready {} after the kernel's start", milliseconds_text(random_ready_us_))};
    if (!is_random_ready_) {
        random.state = has_lost_its_beginning_ ? diagnosis::ok : diagnosis::degraded;
        random.text = has_lost_its_beginning_ ? "the kernel's log is too long ago to say"
                                              : "not ready yet: programs may wait for random numbers. A virtio-rng "
                                                "device helps, and resume --entropy";
    }
    finding memory{"memory", diagnosis::ok, "the kernel has not run out of it"};
    if (memory_failures_ > 0) {
        memory.state = diagnosis::degraded;
        memory.text = fmt::format("too small {} times, the last: {}", memory_failures_, last_memory_failure_);
    }
    return {random, memory};
}

bool is_trouble(const finding& one) noexcept {
    return one.state == diagnosis::degraded || one.state == diagnosis::missing;
}

std::vector<record> finding_rows(const findings& all) {
    std::vector<record> rows;
    for (const auto& one : all) {
        rows.push_back({{"state", state_word(one.state)}, {"check", one.subject}, {"text", one.text}});
    }
    return rows;
}

}  // namespace vminit::vminitctl

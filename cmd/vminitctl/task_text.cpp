// SPDX-License-Identifier: Apache-2.0
#include "task_text.hpp"

#include <boost/json.hpp>
#include <limits>

#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"
#include "quantity.hpp"
#include "time_text.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;
namespace task = containerd::task::v3;

namespace {

json::value time_of(const google::protobuf::Timestamp& when) {
    return time_value(format_time(when.seconds(), when.nanos()));
}

field size_field(std::string_view key, std::uint64_t bytes) {
    if (bytes == std::numeric_limits<std::uint64_t>::max()) return field(key, nullptr, "max");
    return field(key, bytes, format_bytes(bytes));
}

field limit_field(std::string_view key, std::uint64_t limit) {
    if (limit == std::numeric_limits<std::uint64_t>::max()) return field(key, nullptr, "max");
    return field(key, limit);
}

field cpu_field(std::string_view key, std::uint64_t microseconds) {
    return field(key, microseconds, format_cpu_time(microseconds));
}

std::string exec_id_of(const google::protobuf::Any& info) {
    containerd::runc::v1::ProcessDetails details;
    if (!info.type_url().ends_with("containerd.runc.v1.ProcessDetails") || !details.ParseFromString(info.value()))
        return {};
    return details.exec_id();
}

}  // namespace

std::string status_name(int status) {
    switch (status) {
        case containerd::v1::types::CREATED:
            return "created";
        case containerd::v1::types::RUNNING:
            return "running";
        case containerd::v1::types::STOPPED:
            return "stopped";
        case containerd::v1::types::PAUSED:
            return "paused";
        case containerd::v1::types::PAUSING:
            return "pausing";
        default:
            return "unknown";
    }
}

record state_facts(const task::StateResponse& state) {
    auto exited_at = time_of(state.exited_at());
    // Zero would read as success for a process that still runs.
    json::value exit_status = exited_at.is_null() ? json::value(nullptr) : json::value(state.exit_status());
    return {{"id", state.id()},
            {"status", status_name(state.status())},
            {"pid", state.pid()},
            {"exit_status", std::move(exit_status)},
            {"exited_at", std::move(exited_at)},
            {"bundle", state.bundle()},
            {"terminal", state.terminal()},
            {"stdin", state.stdin()},
            {"stdout", state.stdout()},
            {"stderr", state.stderr()}};
}

std::vector<record> process_rows(const task::PidsResponse& pids) {
    std::vector<record> rows;
    for (const auto& process : pids.processes()) {
        rows.push_back({{"pid", process.pid()}, {"exec_id", exec_id_of(process.info())}});
    }
    return rows;
}

std::vector<record> container_rows(const vminit::system::v1::ContainersResponse& containers) {
    std::vector<record> rows;
    for (const auto& one : containers.containers()) {
        auto exit_status = one.has_exited_at() ? json::value(one.exit_status()) : json::value(nullptr);
        rows.push_back({{"id", one.id()},
                        {"status", one.status()},
                        {"pid", one.pid()},
                        {"created_at", time_of(one.created_at())},
                        {"rootfs", one.rootfs()},
                        {"execs", one.execs()},
                        {"exit_status", std::move(exit_status)}});
    }
    return rows;
}

record exit_facts(const std::string& id, const std::string& exec_id, std::uint32_t status,
                  const google::protobuf::Timestamp& exited_at) {
    record facts{{"id", id}};
    if (!exec_id.empty()) facts.emplace_back("exec_id", exec_id);
    facts.emplace_back("exit_status", status);
    facts.emplace_back("exited_at", time_of(exited_at));
    return facts;
}

record stats_facts(const std::string& id, const io::containerd::cgroups::v2::Metrics& metrics) {
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    for (const auto& device : metrics.io().usage()) {
        read_bytes += device.rbytes();
        written_bytes += device.wbytes();
    }
    return {{"id", id},
            {"pids", metrics.pids().current()},
            limit_field("pids_limit", metrics.pids().limit()),
            cpu_field("cpu_usage_usec", metrics.cpu().usage_usec()),
            cpu_field("cpu_user_usec", metrics.cpu().user_usec()),
            cpu_field("cpu_system_usec", metrics.cpu().system_usec()),
            cpu_field("cpu_throttled_usec", metrics.cpu().throttled_usec()),
            size_field("memory_usage", metrics.memory().usage()),
            size_field("memory_limit", metrics.memory().usage_limit()),
            size_field("memory_peak", metrics.memory().max_usage()),
            size_field("memory_anon", metrics.memory().anon()),
            size_field("memory_file", metrics.memory().file()),
            {"oom_kills", metrics.memory_events().oom_kill()},
            size_field("io_read_bytes", read_bytes),
            size_field("io_written_bytes", written_bytes)};
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "record.hpp"
#include "vminit/system/v1/system.pb.h"

/// Answers of the Task service as facts.
namespace vminit::vminitctl {

/// `created`, `running`, `stopped`, `paused`, `pausing` or `unknown`.
std::string status_name(int status);

record state_facts(const containerd::task::v3::StateResponse& state);

/// One row a process: `pid`, and the exec id where it is one.
std::vector<record> process_rows(const containerd::task::v3::PidsResponse& pids);

/// One row a container. The exit status is null for one that has not ended.
std::vector<record> container_rows(const vminit::system::v1::ContainersResponse& containers);

/// How a process ended: `id`, `exec_id` if not empty, `exit_status`, `exited_at`.
record exit_facts(const std::string& id, const std::string& exec_id, std::uint32_t status,
                  const google::protobuf::Timestamp& exited_at);

/// The figures people ask for. Limits of 2^64-1 are `max`, null in JSON.
record stats_facts(const std::string& id, const io::containerd::cgroups::v2::Metrics& metrics);

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#pragma once

// Between containerd's messages and the process layer's values.

#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/process/process_service.hpp"

namespace vminit::api {

result<process::create_request> to_create_request(containerd::task::v3::CreateTaskRequest& message, logger& log);
result<process::checkpoint_request> to_checkpoint_request(containerd::task::v3::CheckpointTaskRequest& message);
process::exec_request to_exec_request(containerd::task::v3::ExecProcessRequest& message);
void fill(containerd::task::v3::StateResponse& message, const process::process_snapshot& snapshot);

}  // namespace vminit::api

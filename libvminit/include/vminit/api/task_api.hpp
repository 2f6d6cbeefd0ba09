// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// What the Task service needs beside the process layer.
struct task_api_options {
    /// Called once a Shutdown request is accepted (no containers are left); the reply is already on its way.
    std::function<void()> on_shutdown;
};

/// containerd's Task service over `process::process_service`. Register the same object as `containerd.task.v3.Task`
/// and, since v2 has the same methods and messages, as `containerd.task.v2.Task`.
std::shared_ptr<ttrpc::service_base> make_task_api(asio::io_context& context, task_api_options options);

}  // namespace vminit::api

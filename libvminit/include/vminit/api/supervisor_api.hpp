// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `vminit.supervisor.v1.Supervisor` over `supervisor::supervisor_service`.
std::shared_ptr<ttrpc::service_base> make_supervisor_api(asio::io_context& context);

}  // namespace vminit::api

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `vminit.process.v1.Container` over `process::process_service`.
std::shared_ptr<ttrpc::service_base> make_container_api(asio::io_context& context);

}  // namespace vminit::api

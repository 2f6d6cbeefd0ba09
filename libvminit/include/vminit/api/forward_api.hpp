// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `vminit.forward.v1.Forward` over `forward::forward_service`, for the containers of `process::process_service` and the
/// streams of `streams::stream_service`.
std::shared_ptr<ttrpc::service_base> make_forward_api(asio::io_context& context);

}  // namespace vminit::api

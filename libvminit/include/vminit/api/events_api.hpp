// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// The Events service, to be registered under `host_dialect::events_service`: streams the exchange's envelopes to the
/// host. A plain host sends one empty request; one that resumes says after which sequence number and may acknowledge
/// (docs/processes.md).
std::shared_ptr<ttrpc::service_base> make_events_api(asio::io_context& context);

}  // namespace vminit::api

#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `vminit.system.v1.Machine`, what is ours to say about the machine while it runs, over `log_history` and
/// `system::system_service`. The context outlives it.
std::shared_ptr<ttrpc::service_base> make_machine_api(asio::io_context& context);

}  // namespace vminit::api

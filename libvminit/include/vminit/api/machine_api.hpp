// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// Where the service finds what it tells of.
struct machine_api_options {
    /// The path of the resolv.conf that the machine and its containers use. Null: it is not ours to change.
    std::function<std::string()> resolv_conf;
};

/// `vminit.system.v1.Machine`, what is ours to say about the machine while it runs, over `log_history` and
/// `system::system_service`. The context outlives it.
std::shared_ptr<ttrpc::service_base> make_machine_api(asio::io_context& context, machine_api_options options = {});

}  // namespace vminit::api

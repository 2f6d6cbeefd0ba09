// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `containerd.vminitd.services.bundle.v1.Bundle`: makes bundles beneath `root`.
std::shared_ptr<ttrpc::service_base> make_bundle_api(asio::io_context& context, std::string root);

}  // namespace vminit::api

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `containerd.vminitd.services.mount.v1.Mount` of nerdbox: filesystems of the VM itself (shared directories of the
/// host), which specs then bind into containers. One call at a time; what has begun is finished when the caller has
/// gone.
///
/// A target is made (mkdir -p, 0700). One that is mounted as asked already is left alone. Of a MountAll that fails
/// nothing is left mounted. At most 256 of them.
std::shared_ptr<ttrpc::service_base> make_mount_api(asio::io_context& context);

}  // namespace vminit::api

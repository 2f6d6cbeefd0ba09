// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `containerd.services.transfer.v1.Transfer` as nerdbox's host uses it: files of a container as a tar archive, out of
/// it (ContainerPath to WriteStream) and into it (ReadStream to ContainerPath), over a stream that the host has opened
/// and named before. Other pairs are code 12. At most 8 at a time; nothing gets out of the container's root.
std::shared_ptr<ttrpc::service_base> make_transfer_api(asio::io_context& context);

}  // namespace vminit::api

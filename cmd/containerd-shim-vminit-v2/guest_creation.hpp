// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "guest_link.hpp"
#include "guest_spec.hpp"
#include "shim_container.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// Of a file that is copied into the guest.
inline constexpr std::size_t largest_bundle_file = std::size_t{1} << 20;

/// All of a file. Errors: errno; resource_exhausted beyond `largest_bundle_file`.
result<std::string> read_bundle_file(const std::string& path);

/// Makes the container's bundle in the guest and returns its path there. Errors: those of the files to be copied, the
/// guest's.
awaitable<result<std::string>> create_guest_bundle(guest_link::calls calls, std::string id, guest_spec spec);

/// The Create that the guest gets in place of the daemon's: its own bundle, root and streams.
containerd::task::v3::CreateTaskRequest guest_create_request(const shim_container& container, const stdio_names& names,
                                                             std::string bundle);

}  // namespace vminit::shim

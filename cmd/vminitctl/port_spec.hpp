// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "vminit/core/result.hpp"
#include "vminit/forward/place.hpp"

namespace vminit::vminitctl {

/// The two ends of a forward.
struct port_spec {
    forward::place host;
    forward::place container;
};

/// `[HOST:]CONTAINER`, each a PORT, ADDRESS:PORT, [ADDRESS]:PORT or a path with a / in it; without HOST it is the
/// container's port. The address is 127.0.0.1 unless it is told. Errors: invalid_argument.
result<port_spec> parse_port_spec(std::string_view text);

}  // namespace vminit::vminitctl

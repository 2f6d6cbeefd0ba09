// SPDX-License-Identifier: Apache-2.0
#include "endpoints.hpp"

#include <fmt/format.h>

#include <limits>

#include "quantity.hpp"

namespace vminit::vminitctl {

result<std::string> default_stream_address(std::string_view address) {
    bool has_ports = address.starts_with("vsock://") || address.starts_with("hvsock://");
    if (!has_ports) {
        return error(errc::invalid_argument,
                     fmt::format("{} does not say where the streams are: give --stream-address", address));
    }
    auto colon = address.rfind(':');
    auto port = parse_number(address.substr(colon + 1), "a port");
    if (!port) return port.error().within(address);
    if (*port == std::numeric_limits<std::uint32_t>::max()) {
        return error(errc::invalid_argument, fmt::format("{}: there is no port after the last one", address));
    }
    return fmt::format("{}:{}", address.substr(0, colon), *port + 1);
}

}  // namespace vminit::vminitctl

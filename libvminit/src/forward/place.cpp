// SPDX-License-Identifier: Apache-2.0
#include "vminit/forward/place.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <cstring>

#include "vminit/core/local_socket.hpp"

namespace vminit::forward {

std::string place::to_string() const {
    if (!is_tcp()) return path;
    bool is_v6 = address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", address, is_v6 ? "]" : "", port);
}

result<socket_name> place::name() const {
    socket_name name;
    if (!is_tcp()) {
        auto local = local_address(path);
        if (!local) return local.error();
        std::memcpy(&name.bytes, &*local, sizeof *local);
        name.size = sizeof *local;
        return name;
    }
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&name.bytes, &v4, name.size = sizeof v4);
    } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&name.bytes, &v6, name.size = sizeof v6);
    } else {
        return error(errc::invalid_argument, "\"" + address + "\" is no IP address");
    }
    return name;
}

}  // namespace vminit::forward

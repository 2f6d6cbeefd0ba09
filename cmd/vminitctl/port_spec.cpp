// SPDX-License-Identifier: Apache-2.0
#include "port_spec.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace vminit::vminitctl {

namespace {

constexpr auto loopback = "127.0.0.1";

std::optional<std::uint16_t> to_port(std::string_view text) {
    std::uint16_t port = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return port;
}

// Takes the part before the next colon, and the colon.
std::string_view take_part(std::string_view& rest) {
    auto part = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    return part;
}

// `[::1]:`
std::optional<std::string> take_bracketed(std::string_view& rest) {
    auto end = rest.find("]:");
    if (end == std::string_view::npos) return std::nullopt;
    std::string address(rest.substr(1, end - 1));
    rest.remove_prefix(end + 2);
    return address;
}

std::optional<forward::place> take_place(std::string_view& rest) {
    forward::place place;
    place.address = loopback;
    if (rest.starts_with('[')) {
        auto address = take_bracketed(rest);
        auto port = to_port(take_part(rest));
        if (!address || !port) return std::nullopt;
        place.address = *address;
        place.port = *port;
    } else {
        auto part = take_part(rest);
        if (part.find('/') != std::string_view::npos) {
            place.path = part;
            place.address.clear();
            return place;
        }
        auto port = to_port(part);
        if (!port) {
            if (part != "localhost") place.address = part;
            port = to_port(take_part(rest));
        }
        if (!port) return std::nullopt;
        place.port = *port;
    }
    if (!place.name()) return std::nullopt;
    return place;
}

error not_understood(std::string_view text) {
    return error(errc::invalid_argument,
                 fmt::format("\"{}\" is not [HOST:]CONTAINER, each a PORT, ADDRESS:PORT or a path with a /", text));
}

}  // namespace

result<port_spec> parse_port_spec(std::string_view text) {
    std::vector<forward::place> places;
    auto rest = text;
    do {
        auto place = take_place(rest);
        if (!place || places.size() == 2) return not_understood(text);
        places.push_back(std::move(*place));
    } while (!rest.empty());
    bool is_alone = places.size() == 1;
    const auto& container = places.back();
    if (text.ends_with(':') || (is_alone && (!container.is_tcp() || container.address != loopback))) {
        return not_understood(text);
    }
    if (container.is_tcp() && container.port == 0) {
        return error(errc::invalid_argument, fmt::format("\"{}\": a container's port is 1 to 65535", text));
    }
    if (!container.is_tcp() && container.path.front() != '/') {
        return error(errc::invalid_argument, fmt::format("\"{}\": a path in a container begins with /", text));
    }
    return port_spec{places.front(), container};
}

}  // namespace vminit::vminitctl

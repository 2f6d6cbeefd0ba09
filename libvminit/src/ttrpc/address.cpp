// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/address.hpp"

#include <fmt/format.h>
#include <linux/vm_sockets.h>
#include <sys/un.h>

#include <optional>

#include "vminit/core/text.hpp"

namespace vminit::ttrpc {

static_assert(address::any_cid == VMADDR_CID_ANY && address::host_cid == VMADDR_CID_HOST);

namespace {

std::optional<std::uint32_t> parse_cid(std::string_view text) {
    if (text == "any") return address::any_cid;
    if (text == "host") return address::host_cid;
    return parse_number<std::uint32_t>(text);
}

// `a:b` at the last colon: a path may contain colons.
std::optional<std::pair<std::string_view, std::uint32_t>> split_port(std::string_view text) {
    auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto port = parse_number<std::uint32_t>(text.substr(colon + 1));
    if (!port) return std::nullopt;
    return std::pair(text.substr(0, colon), *port);
}

bool is_socket_path(std::string_view path) {
    // One byte of sun_path is for the terminating zero.
    bool has_place = path.starts_with('/') || path.starts_with('@');
    return has_place && path.size() > 1 && path.size() < sizeof(sockaddr_un::sun_path);
}

}  // namespace

result<address> address::parse(std::string_view text) {
    auto refused = [&] { return error(errc::invalid_argument, fmt::format("address \"{}\"", text)); };
    auto mark = text.find("://");
    if (mark == std::string_view::npos) return refused();
    auto scheme = text.substr(0, mark);
    auto rest = text.substr(mark + 3);
    if (scheme == "unix") {
        if (!is_socket_path(rest)) return refused();
        return unix_socket(std::string(rest));
    }
    auto parts = split_port(rest);
    if (!parts) return refused();
    if (scheme == "vsock") {
        auto cid = parse_cid(parts->first);
        if (!cid) return refused();
        return vsock(*cid, parts->second);
    }
    if (scheme == "hvsock" && is_socket_path(parts->first)) return hvsock(std::string(parts->first), parts->second);
    return refused();
}

address address::vsock(std::uint32_t cid, std::uint32_t port) {
    address where(transport_kind::vsock);
    where.cid_ = cid;
    where.port_ = port;
    return where;
}

address address::unix_socket(std::string path) {
    address where(transport_kind::unix_socket);
    where.path_ = std::move(path);
    return where;
}

address address::hvsock(std::string path, std::uint32_t port) {
    address where(transport_kind::hvsock);
    where.path_ = std::move(path);
    where.port_ = port;
    return where;
}

std::string address::to_string() const {
    switch (kind_) {
        case transport_kind::vsock:
            return cid_ == any_cid ? fmt::format("vsock://any:{}", port_) : fmt::format("vsock://{}:{}", cid_, port_);
        case transport_kind::unix_socket: return "unix://" + path_;
        case transport_kind::hvsock: return fmt::format("hvsock://{}:{}", path_, port_);
    }
    return {};
}

}  // namespace vminit::ttrpc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::ttrpc {

enum class transport_kind {
    vsock,        ///< AF_VSOCK: the host and its virtual machine.
    unix_socket,  ///< A path; a leading `@` names the abstract namespace.
    hvsock,       ///< Client only: a hypervisor's Unix socket that is told the guest port with `CONNECT <port>`.
};

/// Where a server listens or a client connects. A value.
class address {
public:
    static constexpr std::uint32_t any_cid = 0xffffffffU;  ///< VMADDR_CID_ANY: every address of this machine.
    static constexpr std::uint32_t host_cid = 2;           ///< VMADDR_CID_HOST.

    /// `vsock://any:1024`, `vsock://host:1024`, `vsock://3:1025`, `unix:///path`, `unix://@name`, `hvsock:///path:port`.
    /// Errors: invalid_argument naming the text.
    static result<address> parse(std::string_view text);

    static address vsock(std::uint32_t cid, std::uint32_t port);
    static address unix_socket(std::string path);
    static address hvsock(std::string path, std::uint32_t port);

    transport_kind kind() const noexcept { return kind_; }
    std::uint32_t cid() const noexcept { return cid_; }
    std::uint32_t port() const noexcept { return port_; }
    const std::string& path() const noexcept { return path_; }

    /// In the form `parse` reads.
    std::string to_string() const;

    friend bool operator==(const address&, const address&) = default;

private:
    explicit address(transport_kind kind) : kind_(kind) {}

    transport_kind kind_;
    std::uint32_t cid_ = 0;
    std::uint32_t port_ = 0;
    std::string path_;
};

}  // namespace vminit::ttrpc

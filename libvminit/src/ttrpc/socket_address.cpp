// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/socket_address.hpp"

#include <cstddef>
#include <cstring>

#include "vminit/core/syscalls.hpp"

namespace vminit::ttrpc {

socket_address::socket_address(const address& where) noexcept {
    if (where.kind() != transport_kind::vsock) {
        set_path(where.path());
        return;
    }
    storage_.vm.svm_family = AF_VSOCK;
    storage_.vm.svm_cid = where.cid();
    storage_.vm.svm_port = where.port();
    size_ = sizeof storage_.vm;
}

void socket_address::set_path(const std::string& path) noexcept {
    if (path.size() < 2 || path.size() >= sizeof storage_.path.sun_path) return;
    storage_.path.sun_family = AF_UNIX;
    std::memcpy(storage_.path.sun_path, path.data(), path.size());
    // unix(7): an abstract name starts with a zero byte and is as long as the length says.
    if (path.front() == '@') storage_.path.sun_path[0] = '\0';
    auto terminator = path.front() == '@' ? 0U : 1U;
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + terminator);
}

result<unique_fd> open_socket(const address& where, int family) {
    auto opened = syscalls::check("socket", where.to_string(), [&] {
        return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    });
    if (!opened) return opened.error();
    return unique_fd(static_cast<int>(*opened));
}

}  // namespace vminit::ttrpc

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ttrpc/accept_backoff.hpp"
#include "ttrpc/socket_address.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

namespace {

bool has_file(const address& where) { return where.kind() == transport_kind::unix_socket && where.path().front() == '/'; }

bool has_errno(const error& failure, int value) {
    return failure.code() == error_code(value, boost::system::system_category());
}

// A file left by a process that died refuses connections; one in use does not, and stays.
bool is_stale(const address& where, const socket_address& raw_address) {
    auto probe = open_socket(where, AF_UNIX);
    if (!probe) return false;
    auto connected = syscalls::raw("connect", [&] { return ::connect(probe->get(), raw_address.data(), raw_address.size()); });
    return !connected && connected.error().value() == ECONNREFUSED;
}

result<void> bind_socket(int fd, const address& where) {
    socket_address raw_address(where);
    auto bind_once = [&] {
        return syscalls::check("bind", where.to_string(), [&] { return ::bind(fd, raw_address.data(), raw_address.size()); });
    };
    auto bound = bind_once();
    if (!bound && has_errno(bound.error(), EADDRINUSE) && has_file(where) && is_stale(where, raw_address)) {
        ::unlink(where.path().c_str());
        bound = bind_once();
    }
    if (!bound) return bound.error();
    return {};
}

peer_identity unix_peer(int fd) {
    peer_identity peer;
    ucred credentials{};
    socklen_t size = sizeof credentials;
    auto asked = syscalls::raw("getsockopt", [&] { return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size); });
    // Without credentials nobody: uid -1 passes no check but `anyone`.
    peer.pid = asked ? credentials.pid : 0;
    peer.uid = asked ? credentials.uid : ~0U;
    return peer;
}

peer_identity identify(int fd, const sockaddr_storage& from) {
    if (from.ss_family != AF_VSOCK) return unix_peer(fd);
    peer_identity peer;
    const auto& vm = reinterpret_cast<const sockaddr_vm&>(from);
    peer.transport = transport_kind::vsock;
    peer.cid = vm.svm_cid;
    peer.port = vm.svm_port;
    return peer;
}

unsigned jitter() { return static_cast<unsigned>(clock::now().time_since_epoch().count() >> 10); }

}  // namespace

listener::listener(descriptor socket, address where, listen_options options)
    : descriptor_(std::move(socket)),
      where_(std::move(where)),
      options_(std::move(options)),
      counters_(std::make_unique<listener_counters>()) {}

listener& listener::operator=(listener&& other) noexcept {
    if (this == &other) return *this;
    close();
    descriptor_ = std::move(other.descriptor_);
    where_ = std::move(other.where_);
    options_ = std::move(other.options_);
    counters_ = std::move(other.counters_);
    return *this;
}

listener::~listener() { close(); }

result<listener> listener::open(executor ex, address where, listen_options options) {
    socket_address raw_address(where);
    if (where.kind() == transport_kind::hvsock || !raw_address.is_valid()) {
        return error(errc::invalid_argument, "listen on " + where.to_string());
    }
    auto fd = open_socket(where, raw_address.family());
    if (!fd) return fd.error();
    if (auto bound = bind_socket(fd->get(), where); !bound) return bound.error();
    auto listening = syscalls::check("listen", where.to_string(), [&] { return ::listen(fd->get(), options.backlog); });
    if (!listening) return listening.error();
    return adopt(ex, std::move(*fd), std::move(where), std::move(options));
}

result<listener> listener::adopt(executor ex, unique_fd socket, address where, listen_options options) {
    int accepts = 0;
    socklen_t size = sizeof accepts;
    auto asked = syscalls::raw("getsockopt", [&] { return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size); });
    if (!asked || accepts == 0) return error(errc::invalid_argument, where.to_string() + ": not a listening socket");
    auto flagged = syscalls::attempt("fcntl", where.to_string(), [&] { return ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC); });
    if (!flagged) return flagged.error();
    descriptor adopted(ex);
    error_code failure;
    adopted.assign(socket.get(), failure);
    if (failure) return error(failure, "listen on " + where.to_string());
    [[maybe_unused]] int owned_by_descriptor = socket.release();
    return listener(std::move(adopted), std::move(where), std::move(options));
}

bool listener::is_allowed(const peer_identity& peer) const noexcept {
    if (peer.transport == transport_kind::vsock) {
        const auto& allowed = options_.allowed_cids;
        return std::find(allowed.begin(), allowed.end(), peer.cid) != allowed.end();
    }
    if (options_.allowed_unix_peers == unix_peers::anyone) return true;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

// Waiting first and accepting once costs two system calls a connection; accepting until EAGAIN costs three.
awaitable<result<accepted>> listener::accept() {
    accept_backoff backoff;
    auto ex = descriptor_.get_executor();
    for (;;) {
        auto [failure] = co_await descriptor_.async_wait(asio::posix::descriptor_base::wait_read, as_tuple_awaitable);
        if (failure || !descriptor_.is_open()) co_return error(errc::cancelled, "accept on " + where_.to_string());
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        auto* from_address = reinterpret_cast<sockaddr*>(&from);
        int listening = descriptor_.native_handle();
        auto taken = syscalls::raw("accept4", [&] { return ::accept4(listening, from_address, &size, SOCK_CLOEXEC); });
        if (!taken) {
            auto verdict = classify_accept_failure(taken.error());
            if (verdict == accept_failure::fatal) co_return error(taken.error(), "accept on " + where_.to_string());
            if (verdict == accept_failure::back_off) {
                ++counters_->backed_off;
                co_await sleep_for(backoff.next(jitter()));
            }
            continue;
        }
        backoff.reset();
        unique_fd fd(static_cast<int>(*taken));
        auto peer = identify(fd.get(), from);
        if (!is_allowed(peer)) {
            ++counters_->refused;
            continue;
        }
        auto socket = adopt_socket(ex, std::move(fd), from.ss_family);
        if (!socket) continue;
        ++counters_->accepted;
        co_return accepted(std::move(*socket), peer);
    }
}

void listener::close() noexcept {
    if (!descriptor_.is_open()) return;
    error_code ignored;
    descriptor_.close(ignored);
    if (has_file(where_)) ::unlink(where_.path().c_str());
}

}  // namespace vminit::ttrpc

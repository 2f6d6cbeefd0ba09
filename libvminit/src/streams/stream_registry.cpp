// SPDX-License-Identifier: Apache-2.0
#include "streams/stream_registry.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::streams {

namespace {

// Sending nothing asks whether the peer still reads. One that has only finished writing does.
bool is_gone(int fd) {
    auto sent = syscalls::raw("send", [&] { return ::send(fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT); });
    return !sent && sent.error().value() != EAGAIN;
}

bool has_bytes(int fd) {
    char byte;
    auto seen = syscalls::raw("recv", [&] { return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT); });
    return seen && *seen == 1;
}

}  // namespace

result<void> stream_registry::add(std::string name, ttrpc::stream_socket socket) {
    auto what = "stream " + name;
    if (contains(name)) return error(errc::already_exists, std::move(what));
    take(name);
    if (streams_.size() >= capacity_ && !drop_oldest_left()) {
        return error(errc::resource_exhausted, what + ": too many unclaimed streams");
    }
    auto ticket = next_ticket_++;
    if (auto watched = watch_.add(socket.native_handle(), ticket); !watched) return watched.error().within(what);
    names_.emplace(ticket, name);
    streams_.emplace(std::move(name), waiting{std::move(socket), ticket});
    return {};
}

bool stream_registry::contains(std::string_view name) const {
    auto found = streams_.find(name);
    return found != streams_.end() && !left_.contains(found->second.ticket);
}

bool stream_registry::write(std::string_view name, std::string_view bytes) {
    auto found = streams_.find(name);
    if (found == streams_.end()) return false;
    error_code failure;
    return found->second.socket.write_some(asio::buffer(bytes), failure) == bytes.size() && !failure;
}

std::optional<ttrpc::stream_socket> stream_registry::take(std::string_view name) {
    auto found = streams_.find(name);
    if (found == streams_.end()) return std::nullopt;
    auto stream = std::move(found->second);
    streams_.erase(found);
    names_.erase(stream.ticket);
    left_.erase(stream.ticket);
    watch_.remove(stream.socket.native_handle());
    return std::move(stream.socket);
}

std::size_t stream_registry::drop_broken() {
    std::size_t dropped = 0;
    for (auto ticket : watch_.changed()) {
        auto name = names_.find(ticket);
        if (name == names_.end()) continue;
        int fd = streams_.find(name->second)->second.socket.native_handle();
        if (!is_gone(fd)) continue;
        if (has_bytes(fd)) {
            left_.insert(ticket);
        } else {
            dropped += drop(ticket) ? 1 : 0;
        }
    }
    while (left_.size() > max_left && drop_oldest_left()) ++dropped;
    return dropped;
}

bool stream_registry::drop(std::uint64_t ticket) {
    auto name = names_.find(ticket);
    if (name == names_.end()) return false;
    auto copy = name->second;
    return take(copy).has_value();
}

bool stream_registry::drop_oldest_left() { return !left_.empty() && drop(*left_.begin()); }

void stream_registry::clear() noexcept {
    streams_.clear();
    names_.clear();
    left_.clear();
    watch_.close();
}

}  // namespace vminit::streams

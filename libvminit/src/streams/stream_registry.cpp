#include "streams/stream_registry.hpp"

#include <utility>

namespace vminit::streams {

result<void> stream_registry::add(std::string name, ttrpc::stream_socket socket) {
    auto what = "stream " + name;
    if (contains(name)) return error(errc::already_exists, std::move(what));
    if (streams_.size() >= capacity_) return error(errc::resource_exhausted, what + ": too many unclaimed streams");
    auto ticket = next_ticket_++;
    if (auto watched = watch_.add(socket.native_handle(), ticket); !watched) return watched.error().within(what);
    names_.emplace(ticket, name);
    streams_.emplace(std::move(name), waiting{std::move(socket), ticket});
    return {};
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
    watch_.remove(stream.socket.native_handle());
    return std::move(stream.socket);
}

std::size_t stream_registry::drop_broken() {
    std::size_t dropped = 0;
    for (auto ticket : watch_.broken()) {
        auto found = names_.find(ticket);
        if (found == names_.end()) continue;
        auto name = found->second;
        dropped += take(name).has_value() ? 1 : 0;
    }
    return dropped;
}

void stream_registry::clear() noexcept {
    streams_.clear();
    names_.clear();
    watch_.close();
}

}  // namespace vminit::streams

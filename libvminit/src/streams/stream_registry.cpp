#include "streams/stream_registry.hpp"

#include <string>
#include <utility>

namespace vminit::streams {

result<void> stream_registry::add(std::uint32_t id, ttrpc::stream_socket socket) {
    auto name = [id] { return "stream " + std::to_string(id); };
    if (streams_.contains(id)) return error(errc::already_exists, name());
    if (streams_.size() >= capacity_) return error(errc::resource_exhausted, name() + ": too many unclaimed streams");
    if (auto watched = watch_.add(socket.native_handle(), id); !watched) return watched.error();
    streams_.emplace(id, std::move(socket));
    return {};
}

bool stream_registry::write(std::uint32_t id, const void* data, std::size_t size) {
    auto found = streams_.find(id);
    if (found == streams_.end()) return false;
    error_code failure;
    return found->second.write_some(asio::buffer(data, size), failure) == size && !failure;
}

std::optional<ttrpc::stream_socket> stream_registry::take(std::uint32_t id) {
    auto node = streams_.extract(id);
    if (!node) return std::nullopt;
    watch_.remove(node.mapped().native_handle());
    return std::move(node.mapped());
}

std::size_t stream_registry::drop_broken() {
    std::size_t dropped = 0;
    for (auto id : watch_.broken()) dropped += take(id).has_value() ? 1 : 0;
    return dropped;
}

void stream_registry::clear() noexcept {
    streams_.clear();
    watch_.close();
}

}  // namespace vminit::streams

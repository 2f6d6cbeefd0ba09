#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "streams/break_watch.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::streams {

/// The streams that wait to be claimed, by id. Each leaves in one of three ways: claimed, broken, or removed.
class stream_registry {
public:
    stream_registry(std::size_t capacity, break_watch watch) noexcept : capacity_(capacity), watch_(std::move(watch)) {}

    /// Errors: already_exists, resource_exhausted, errno of epoll_ctl; `socket` is closed then.
    result<void> add(std::uint32_t id, ttrpc::stream_socket socket);

    /// Writes to a registered stream without waiting. False if not all of it fits.
    bool write(std::uint32_t id, const void* data, std::size_t size);

    std::optional<ttrpc::stream_socket> take(std::uint32_t id);

    /// Drops the streams whose peer has gone; how many.
    std::size_t drop_broken();
    awaitable<bool> wait_for_break() { return watch_.wait(); }

    void clear() noexcept;
    std::size_t size() const noexcept { return streams_.size(); }

private:
    std::size_t capacity_;
    break_watch watch_;
    std::unordered_map<std::uint32_t, ttrpc::stream_socket> streams_;
};

}  // namespace vminit::streams

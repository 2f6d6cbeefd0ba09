// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "streams/break_watch.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::streams {

/// The streams that wait to be claimed, by name. Each leaves in one of three ways: claimed, dropped, or removed.
///
/// A peer that has half-closed has finished writing (`echo hi | ...`): its stream waits on, for what it wrote and for
/// what it is to read. A peer that has closed both ways is gone: its stream is dropped unless it left bytes, which are
/// a process's stdin. Of those the newest `max_left` are kept, and a new stream of the same name takes their place.
class stream_registry {
public:
    static constexpr std::size_t max_left = 64;  ///< each holds what the socket held

    stream_registry(std::size_t capacity, break_watch watch) noexcept : capacity_(capacity), watch_(std::move(watch)) {}

    /// Errors: already_exists, resource_exhausted, errno of epoll_ctl; `socket` is closed then.
    result<void> add(std::string name, ttrpc::stream_socket socket);

    /// A peer is there that goes by this name.
    bool contains(std::string_view name) const;

    /// Writes to a registered stream without waiting. False if not all of it fits.
    bool write(std::string_view name, std::string_view bytes);

    std::optional<ttrpc::stream_socket> take(std::string_view name);

    /// Drops the streams whose peer has gone and left nothing; how many.
    std::size_t drop_broken();
    awaitable<bool> wait_for_break() { return watch_.wait(); }

    void clear() noexcept;
    std::size_t size() const noexcept { return streams_.size(); }

private:
    bool drop(std::uint64_t ticket);
    bool drop_oldest_left();

    struct waiting {
        ttrpc::stream_socket socket;
        std::uint64_t ticket;
    };

    std::size_t capacity_;
    break_watch watch_;
    std::uint64_t next_ticket_ = 1;
    std::map<std::string, waiting, std::less<>> streams_;
    std::unordered_map<std::uint64_t, std::string> names_;  // by ticket
    std::set<std::uint64_t> left_;                          // the peer is gone, its bytes are not
};

}  // namespace vminit::streams

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/stream_send.hpp"
#include "vminit/streams/byte_end.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::forward {

/// One of the two sockets of a relay, used by both of its directions.
class socket_end final : public streams::byte_end {
public:
    enum class readiness { readable, writable };

    explicit socket_end(ttrpc::stream_socket socket) noexcept
        : socket_(std::move(socket)), largest_send_(largest_send(socket_.native_handle())) {}

    boost::system::result<std::size_t> read(char* into, std::size_t size) override;
    boost::system::result<std::size_t> write(std::string_view bytes) override;

    /// Returns when it may be ready, after `wake`, or when it has been closed. Never throws for these.
    awaitable<void> wait(readiness which);

    void wake() noexcept;

    /// The peer reads the end, and can go on writing.
    void finish_writing() noexcept;

    /// Nobody reads what is written: the peer has closed both ways, or broken the connection.
    bool is_gone() noexcept;

    void send_at_once() noexcept;
    void close() noexcept;
    bool is_open() const noexcept { return socket_.is_open(); }

private:
    ttrpc::stream_socket socket_;
    std::size_t largest_send_;
};

}  // namespace vminit::forward

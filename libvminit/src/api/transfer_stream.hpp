// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::api {

/// One end of a stream of nerdbox's host that carries bytes as messages (docs/processes.md): four bytes of length, a
/// google.protobuf.Any, and length 0 for the end. Who receives says how many bytes it takes (WindowUpdate), who sends
/// keeps to that (Data). One direction a stream.
class transfer_stream {
public:
    static constexpr std::size_t max_message = std::size_t{1} << 20;  ///< peers send 32 KiB
    static constexpr std::size_t largest_data = std::size_t{32} << 10;
    static constexpr std::int32_t window = 64 << 10;
    static constexpr clock::duration close_limit = std::chrono::seconds(5);  ///< for a peer that has all there is

    explicit transfer_stream(ttrpc::stream_socket socket) : socket_(std::move(socket)) {}

    /// The next bytes, none at the end. Errors: invalid_argument for what is no such message, unavailable when the
    /// connection ends without the mark.
    awaitable<result<std::string>> read();

    /// All of it, as fast as the peer takes it. Errors: unavailable when it takes no more.
    awaitable<result<void>> write(std::string bytes);

    /// Says the end, and waits until the peer has closed: what has not been read when we close could be lost. Not for
    /// longer than `close_limit`.
    awaitable<result<void>> finish();

private:
    awaitable<error_code> read_exactly(char* into, std::size_t size);
    awaitable<result<void>> write_message(std::string message);
    awaitable<result<std::string>> read_message();
    awaitable<result<void>> send(std::string_view type, std::string value);
    awaitable<result<void>> drain();
    awaitable<result<void>> wait_for_window();

    ttrpc::stream_socket socket_;
    std::int64_t open_ = 0;  // bytes that may come, or be sent
    bool has_ended_ = false;
};

}  // namespace vminit::api

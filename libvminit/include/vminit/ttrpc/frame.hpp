// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vminit::ttrpc {

/// Byte 8 of a frame header. Other values exist on the wire and are ignored, for compatibility with what comes later.
enum class message_type : std::uint8_t { request = 1, response = 2, data = 3 };

/// Byte 9 of a frame header, as bits. "Remote" is the sender seen from the receiver.
namespace frame_flag {
inline constexpr std::uint8_t remote_closed = 0x01;  ///< the sender will send no more
inline constexpr std::uint8_t remote_open = 0x02;    ///< on a Request: the sender will send Data
inline constexpr std::uint8_t no_data = 0x04;        ///< on Data: the frame carries no message
}  // namespace frame_flag

inline constexpr std::size_t frame_header_size = 10;

/// The largest frame, inclusive, without its header.
inline constexpr std::uint32_t max_frame_data = 4194304;

/// A frame header: data length and stream id as big-endian uint32, type, flags.
struct frame_header {
    std::uint32_t length = 0;
    std::uint32_t stream_id = 0;
    std::uint8_t type = 0;
    std::uint8_t flags = 0;

    bool is(message_type wanted) const noexcept { return type == static_cast<std::uint8_t>(wanted); }
    bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }

    friend bool operator==(const frame_header&, const frame_header&) = default;
};

/// Writes and reads the `frame_header_size` bytes at `bytes`.
void encode_frame_header(const frame_header& header, char* bytes) noexcept;
frame_header decode_frame_header(const char* bytes) noexcept;

/// A whole frame; the data is borrowed.
struct frame {
    frame_header header;
    std::string_view data;
};

}  // namespace vminit::ttrpc

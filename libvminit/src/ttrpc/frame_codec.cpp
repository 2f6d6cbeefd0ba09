// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/frame_codec.hpp"

#include <algorithm>

namespace vminit::ttrpc {

namespace {

// A buffer beyond this is given back once its frame is done: large frames are rare, connections that idle are not.
constexpr std::size_t kept_capacity = 4096;

void put_big_endian(std::uint32_t value, char* bytes) noexcept {
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value >> (24 - 8 * i));
}

std::uint32_t get_big_endian(const char* bytes) noexcept {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

}  // namespace

void encode_frame_header(const frame_header& header, char* bytes) noexcept {
    put_big_endian(header.length, bytes);
    put_big_endian(header.stream_id, bytes + 4);
    bytes[8] = static_cast<char>(header.type);
    bytes[9] = static_cast<char>(header.flags);
}

frame_header decode_frame_header(const char* bytes) noexcept {
    frame_header header;
    header.length = get_big_endian(bytes);
    header.stream_id = get_big_endian(bytes + 4);
    header.type = static_cast<std::uint8_t>(bytes[8]);
    header.flags = static_cast<std::uint8_t>(bytes[9]);
    return header;
}

frame_decoder::outcome frame_decoder::next(std::string_view& input, frame& out) {
    if (is_consumed_) {
        is_consumed_ = false;
        buffer_.clear();
        if (buffer_.capacity() > kept_capacity) buffer_.shrink_to_fit();
    }
    if (discard_left_ != 0) return discard(input, out);
    if (!buffer_.empty()) return from_buffer(input, out);
    if (input.size() < frame_header_size) {
        take(input, input.size());
        return outcome::need_more;
    }
    out.header = decode_frame_header(input.data());
    if (out.header.length > max_frame_data) {
        input.remove_prefix(frame_header_size);
        auto begun = begin_discard(out.header);
        return begun == outcome::excessive ? begun : discard(input, out);
    }
    auto size = frame_header_size + out.header.length;
    if (input.size() < size) {
        take(input, input.size());
        return outcome::need_more;
    }
    out.data = input.substr(frame_header_size, out.header.length);
    input.remove_prefix(size);
    discarded_in_a_row_ = 0;
    return outcome::frame;
}

frame_decoder::outcome frame_decoder::from_buffer(std::string_view& input, frame& out) {
    if (buffer_.size() < frame_header_size) take(input, frame_header_size - buffer_.size());
    if (buffer_.size() < frame_header_size) return outcome::need_more;
    out.header = decode_frame_header(buffer_.data());
    if (out.header.length > max_frame_data) {
        buffer_.clear();
        auto begun = begin_discard(out.header);
        return begun == outcome::excessive ? begun : discard(input, out);
    }
    auto size = frame_header_size + out.header.length;
    take(input, size - buffer_.size());
    if (buffer_.size() < size) return outcome::need_more;
    out.data = std::string_view(buffer_).substr(frame_header_size);
    is_consumed_ = true;
    discarded_in_a_row_ = 0;
    return outcome::frame;
}

void frame_decoder::abandon() noexcept {
    if (is_consumed_ || discard_left_ != 0 || buffer_.size() < frame_header_size) return;
    oversize_ = decode_frame_header(buffer_.data());
    discard_left_ = frame_header_size + oversize_.length - buffer_.size();
    discarded_in_a_row_ += discard_left_;
    buffer_ = {};
}

frame_decoder::outcome frame_decoder::begin_discard(const frame_header& header) noexcept {
    if (discarded_in_a_row_ + header.length > max_discard) return outcome::excessive;
    oversize_ = header;
    discard_left_ = header.length;
    discarded_in_a_row_ += header.length;
    return outcome::oversize;
}

frame_decoder::outcome frame_decoder::discard(std::string_view& input, frame& out) noexcept {
    auto count = std::min<std::uint64_t>(input.size(), discard_left_);
    input.remove_prefix(static_cast<std::size_t>(count));
    discard_left_ -= count;
    discarded_total_ += count;
    if (discard_left_ != 0) return outcome::need_more;
    out.header = oversize_;
    out.data = {};
    return outcome::oversize;
}

void frame_decoder::take(std::string_view& input, std::size_t wanted) {
    auto count = std::min(wanted, input.size());
    buffer_.append(input.data(), count);
    input.remove_prefix(count);
}

}  // namespace vminit::ttrpc

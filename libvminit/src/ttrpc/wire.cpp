// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/wire.hpp"

namespace vminit::ttrpc {

namespace {

constexpr unsigned max_tag_bytes = 5;

}  // namespace

bool wire_reader::fail() noexcept {
    is_malformed_ = true;
    rest_ = {};
    return false;
}

bool wire_reader::next() noexcept {
    if (rest_.empty()) return false;
    std::uint64_t wide = 0;
    if (!varint(wide, max_tag_bytes)) return false;
    // As in protobuf, bits beyond the 32nd of the fifth byte are dropped.
    auto tag = static_cast<std::uint32_t>(wide);
    if ((tag >> 3) == 0 || (tag & 7) > 5) return fail();
    field_ = tag >> 3;
    type_ = static_cast<wire_type>(tag & 7);
    return true;
}

bool wire_reader::varint(std::uint64_t& value, unsigned max_bytes) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 7 * max_bytes; shift += 7) {
        if (rest_.empty()) return fail();
        auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        // Bits beyond the 64th are dropped, as protobuf does.
        if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return fail();
}

bool wire_reader::bytes(std::string_view& value) noexcept {
    std::uint64_t size = 0;
    if (!varint(size)) return false;
    if (size > rest_.size()) return fail();
    value = rest_.substr(0, static_cast<std::size_t>(size));
    return advance(size);
}

bool wire_reader::advance(std::uint64_t count) noexcept {
    if (count > rest_.size()) return fail();
    rest_.remove_prefix(static_cast<std::size_t>(count));
    return true;
}

bool wire_reader::skip_value(int nesting) noexcept {
    std::uint64_t number = 0;
    std::string_view text;
    switch (type_) {
        case wire_type::varint: return varint(number);
        case wire_type::fixed64: return advance(8);
        case wire_type::bytes: return bytes(text);
        case wire_type::fixed32: return advance(4);
        case wire_type::group_end: return fail();
        case wire_type::group_start: break;
    }
    if (nesting == 0) return fail();
    auto group = field_;
    while (next()) {
        if (type_ == wire_type::group_end) return field_ == group || fail();
        if (!skip_value(nesting - 1)) return false;
    }
    return fail();
}

std::size_t varint_size(std::uint64_t value) noexcept {
    std::size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        ++size;
    }
    return size;
}

void put_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

void put_bytes_field(std::string& out, std::uint32_t field, std::string_view value) {
    put_varint(out, field << 3 | 2);
    put_varint(out, value.size());
    out.append(value);
}

void put_varint_field(std::string& out, std::uint32_t field, std::uint64_t value) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

}  // namespace vminit::ttrpc

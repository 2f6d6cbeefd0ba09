// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vminit::ttrpc {

/// Reads protobuf fields in place, for the two envelopes of ttrpc: no allocation, no copy.
///
/// `next` steps to the next field and `varint`, `bytes` or `skip` takes its value. After a failure everything else fails.
class wire_reader {
public:
    enum class wire_type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, group_start = 3, group_end = 4, fixed32 = 5 };

    explicit wire_reader(std::string_view input) noexcept : rest_(input) {}

    /// False at the end of the input and on a malformed tag; `is_malformed` tells which.
    bool next() noexcept;
    std::uint32_t field() const noexcept { return field_; }
    wire_type type() const noexcept { return type_; }

    /// True for a field of that number and type. One of another type counts as unknown, as protobuf has it.
    bool is(std::uint32_t field, wire_type type) const noexcept { return field_ == field && type_ == type; }

    bool varint(std::uint64_t& value, unsigned max_bytes = 10) noexcept;
    bool bytes(std::string_view& value) noexcept;
    bool skip() noexcept { return skip_value(max_nesting); }

    bool is_malformed() const noexcept { return is_malformed_; }

private:
    // protobuf's own limit for nested groups.
    static constexpr int max_nesting = 100;

    bool skip_value(int nesting) noexcept;
    bool advance(std::uint64_t count) noexcept;
    bool fail() noexcept;

    std::string_view rest_;
    std::uint32_t field_ = 0;
    wire_type type_ = wire_type::varint;
    bool is_malformed_ = false;
};

/// Bytes a varint takes.
std::size_t varint_size(std::uint64_t value) noexcept;

/// Append a varint; a field of wire type 2; a varint field. Fields with default values are the caller's to leave out.
void put_varint(std::string& out, std::uint64_t value);
void put_bytes_field(std::string& out, std::uint32_t field, std::string_view value);
void put_varint_field(std::string& out, std::uint32_t field, std::uint64_t value);

}  // namespace vminit::ttrpc

// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/envelope.hpp"

#include "ttrpc/wire.hpp"
#include "vminit/core/utf8.hpp"

namespace vminit::ttrpc {

namespace {

using wire_type = wire_reader::wire_type;

constexpr std::string_view malformed = "cannot parse invalid wire-format data";
constexpr std::string_view invalid_utf8 = "string field contains invalid UTF-8";

bool read_text(wire_reader& reader, std::string_view& text, bool& is_text) {
    if (!reader.bytes(text)) return false;
    is_text = is_text && is_utf8(text);
    return true;
}

bool read_pair(std::string_view data, std::pair<std::string_view, std::string_view>& pair, bool& is_text) {
    wire_reader reader(data);
    while (reader.next()) {
        if (reader.is(1, wire_type::bytes)) {
            read_text(reader, pair.first, is_text);
        } else if (reader.is(2, wire_type::bytes)) {
            read_text(reader, pair.second, is_text);
        } else {
            reader.skip();
        }
    }
    return !reader.is_malformed();
}

// Fields of a message that comes in pieces are merged: later ones win (protobuf encoding, "last one wins").
bool read_status(std::string_view data, response_view& response, bool& is_text) {
    wire_reader reader(data);
    while (reader.next()) {
        if (reader.is(1, wire_type::varint)) {
            std::uint64_t code = 0;
            reader.varint(code);
            response.code = static_cast<int>(static_cast<std::uint32_t>(code));
        } else if (reader.is(2, wire_type::bytes)) {
            read_text(reader, response.message, is_text);
        } else {
            reader.skip();
        }
    }
    return !reader.is_malformed();
}

std::optional<std::string_view> verdict(bool is_whole, bool is_text) {
    if (!is_whole) return malformed;
    if (!is_text) return invalid_utf8;
    return std::nullopt;
}

}  // namespace

std::optional<std::string_view> read_request(std::string_view data, request_view& request) {
    wire_reader reader(data);
    bool is_whole = true;
    bool is_text = true;
    std::size_t metadata_bytes = 0;
    while (reader.next()) {
        if (reader.is(1, wire_type::bytes)) {
            read_text(reader, request.service, is_text);
        } else if (reader.is(2, wire_type::bytes)) {
            read_text(reader, request.method, is_text);
        } else if (reader.is(3, wire_type::bytes)) {
            reader.bytes(request.payload);
        } else if (reader.is(4, wire_type::varint)) {
            std::uint64_t timeout = 0;
            reader.varint(timeout);
            request.timeout_nano = static_cast<std::int64_t>(timeout);
        } else if (reader.is(5, wire_type::bytes)) {
            std::string_view pair;
            if (!reader.bytes(pair)) continue;
            metadata_bytes += pair.size();
            if (request.metadata.size() == max_metadata_pairs || metadata_bytes > max_metadata_bytes) {
                request.has_too_much_metadata = true;
                return std::nullopt;
            }
            is_whole = read_pair(pair, request.metadata.emplace_back(), is_text) && is_whole;
        } else {
            reader.skip();
        }
    }
    return verdict(is_whole && !reader.is_malformed(), is_text);
}

std::optional<std::string_view> read_response(std::string_view data, response_view& response) {
    wire_reader reader(data);
    bool is_whole = true;
    bool is_text = true;
    while (reader.next()) {
        if (reader.is(1, wire_type::bytes)) {
            std::string_view nested;
            if (reader.bytes(nested)) is_whole = read_status(nested, response, is_text) && is_whole;
        } else if (reader.is(2, wire_type::bytes)) {
            reader.bytes(response.payload);
        } else {
            reader.skip();
        }
    }
    return verdict(is_whole && !reader.is_malformed(), is_text);
}

std::string write_request(const request_parts& request) {
    std::string out;
    out.reserve(request.payload.size() + request.service.size() + request.method.size() + 32);
    if (!request.service.empty()) put_bytes_field(out, 1, request.service);
    if (!request.method.empty()) put_bytes_field(out, 2, request.method);
    if (!request.payload.empty()) put_bytes_field(out, 3, request.payload);
    if (request.timeout_nano != 0) put_varint_field(out, 4, static_cast<std::uint64_t>(request.timeout_nano));
    if (request.metadata == nullptr) return out;
    for (const auto& [key, value] : *request.metadata) {
        std::string pair;
        if (!key.empty()) put_bytes_field(pair, 1, key);
        if (!value.empty()) put_bytes_field(pair, 2, value);
        put_bytes_field(out, 5, pair);
    }
    return out;
}

std::string write_status_response(const status& outcome, std::size_t max_text) {
    std::string nested;
    // int32 is sign-extended on the wire. Peers refuse strings that are not UTF-8.
    if (outcome.code != 0) put_varint_field(nested, 1, static_cast<std::uint64_t>(std::int64_t{outcome.code}));
    if (!outcome.message.empty()) put_bytes_field(nested, 2, as_utf8(outcome.message, max_text));
    std::string out;
    put_bytes_field(out, 1, nested);
    return out;
}

std::string response_prefix(std::size_t payload_size) {
    std::string prefix;
    if (payload_size == 0) return prefix;
    put_varint(prefix, 2U << 3 | 2);
    put_varint(prefix, payload_size);
    return prefix;
}

}  // namespace vminit::ttrpc

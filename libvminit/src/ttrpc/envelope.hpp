// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vminit/ttrpc/metadata.hpp"
#include "vminit/ttrpc/status.hpp"

namespace vminit::ttrpc {

/// A decoded `ttrpc.Request`; borrows from the frame it was read from.
struct request_view {
    std::string_view service;
    std::string_view method;
    std::string_view payload;
    std::int64_t timeout_nano = 0;  ///< relative; 0 none, negative already past
    std::vector<std::pair<std::string_view, std::string_view>> metadata;
    bool has_too_much_metadata = false;  ///< beyond the bounds: the rest has not been looked at
};

/// Metadata of one Request. Hosts send a namespace and a trace: two to four pairs, some 200 bytes.
inline constexpr std::size_t max_metadata_pairs = 64;
inline constexpr std::size_t max_metadata_bytes = 16 * 1024;

/// Error texts may quote a child's output: a frame has an end.
inline constexpr std::size_t max_status_text = 64 * 1024;

/// What a client sends as `ttrpc.Request`.
struct request_parts {
    std::string_view service;
    std::string_view method;
    std::string_view payload;
    std::int64_t timeout_nano = 0;
    const ttrpc::metadata* metadata = nullptr;
};

/// A decoded `ttrpc.Response`; borrows from the frame. Code 0 and no status are both success.
struct response_view {
    int code = 0;
    std::string_view message;
    std::string_view payload;
};

/// Each reads one envelope exactly as protobuf would; on failure the text says what is wrong with the bytes.
std::optional<std::string_view> read_request(std::string_view data, request_view& request);
std::optional<std::string_view> read_response(std::string_view data, response_view& response);

/// The bytes of the envelope. Fields with default values are left out, as protobuf does.
std::string write_request(const request_parts& request);
std::string write_status_response(const status& outcome, std::size_t max_text = max_status_text);

/// What precedes a payload of that size in a `ttrpc.Response` without status; empty for none.
std::string response_prefix(std::size_t payload_size);

}  // namespace vminit::ttrpc

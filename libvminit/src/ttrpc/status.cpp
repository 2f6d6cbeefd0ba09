// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/status.hpp"

#include <fmt/format.h>

#include "vminit/ttrpc/frame.hpp"

namespace vminit::ttrpc {

namespace {

// errc has gRPC's numbers, so that no table can go wrong here.
constexpr int code_of(errc kind) noexcept { return static_cast<int>(kind); }

static_assert(code_of(errc::cancelled) == 1 && code_of(errc::unauthenticated) == 16);

errc class_of(int code) noexcept {
    bool is_known = code >= code_of(errc::cancelled) && code <= code_of(errc::unauthenticated);
    return is_known ? static_cast<errc>(code) : errc::unknown;
}

}  // namespace

status to_status(const error& failure) { return {code_of(failure.kind()), failure.message()}; }

error to_error(int code, std::string_view message) {
    auto kind = class_of(code);
    auto class_text = make_error_code(kind).message();
    if (message == class_text) return error(kind);
    if (auto suffix = ": " + class_text; kind != errc::unknown && message.ends_with(suffix)) {
        message.remove_suffix(suffix.size());
    }
    return error(kind, std::string(message));
}

namespace protocol_status {

status even_stream_id() {
    return {code_of(errc::invalid_argument), "StreamID must be odd for client initiated streams"};
}

status reused_stream_id() { return {code_of(errc::invalid_argument), "StreamID cannot be re-used and must increment"}; }

status inactive_stream() { return {code_of(errc::invalid_argument), "StreamID is no longer active"}; }

status closed_stream() { return {code_of(errc::invalid_argument), "data handling error: ttrpc: stream closed"}; }

status full_stream() { return {code_of(errc::resource_exhausted), "data handling error: ttrpc: stream buffer full"}; }

status oversize(std::uint64_t length) {
    return {code_of(errc::resource_exhausted),
            fmt::format("message length {} exceed maximum message size of {}", length, max_frame_data)};
}

status undecodable_request(std::string_view detail) {
    return {code_of(errc::invalid_argument), fmt::format("unmarshal request error: {}", detail)};
}

status unknown_service(std::string_view service) {
    return {code_of(errc::not_implemented), fmt::format("service {}", service)};
}

status unknown_method(std::string_view method) { return {code_of(errc::not_implemented), fmt::format("method {}", method)}; }

status undecodable_payload(std::string_view detail) {
    return {code_of(errc::internal), fmt::format("ttrpc: error unmarshalling payload: {}", detail)};
}

status no_response() { return {code_of(errc::unknown), "ttrpc: marshal called with nil"}; }

status too_many_calls() { return to_status(error(errc::resource_exhausted, "too many requests in flight")); }

status too_much_metadata() { return to_status(error(errc::resource_exhausted, "too much metadata")); }

status too_much_input() { return to_status(error(errc::resource_exhausted, "too much input under way")); }

status too_much_output() { return to_status(error(errc::resource_exhausted, "too much output that was not taken")); }

status shutting_down() { return to_status(error(errc::unavailable, "server is shutting down")); }

}  // namespace protocol_status

}  // namespace vminit::ttrpc

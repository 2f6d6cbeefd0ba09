// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vminit/core/error.hpp"

namespace vminit::ttrpc {

/// A `google.rpc.Status` without details: we send none and ignore those we get.
struct status {
    int code = 0;  ///< gRPC numbering; 0 is success
    std::string message;

    friend bool operator==(const status&, const status&) = default;
};

/// The one way from an error to the wire: the code of its class and its whole text, which for errors of the common classes
/// ends in the class text that clients match (`container x: not found`). errno is mapped by `error::kind`.
status to_status(const error& failure);

/// The way back, in a client: the class of the code; one trailing `: <class text>` is taken off because the error's own
/// text puts it there. Codes that are none become `unknown`.
error to_error(int code, std::string_view message);

/// The answers the protocol itself prescribes, to the letter.
namespace protocol_status {

status even_stream_id();
status reused_stream_id();
status inactive_stream();
status closed_stream();
status full_stream();
status oversize(std::uint64_t length);
status undecodable_request(std::string_view detail);
status unknown_service(std::string_view service);
status unknown_method(std::string_view method);
status undecodable_payload(std::string_view detail);
status no_response();
status too_many_calls();
status too_much_metadata();
status too_much_input();
status too_much_output();
status shutting_down();

}  // namespace protocol_status

}  // namespace vminit::ttrpc

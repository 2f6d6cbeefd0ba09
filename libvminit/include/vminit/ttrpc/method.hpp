// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace vminit::ttrpc {

/// What a method sends and receives. The registered kind alone decides how a call runs, not the flags of its Request.
enum class method_kind : std::uint8_t {
    unary,          ///< one request, one response
    server_stream,  ///< one request, many responses
    client_stream,  ///< many requests, one response
    bidi,           ///< many of both, in any order
};

/// One method of a service; the name lives as long as the program.
struct method_info {
    std::string_view name;
    method_kind kind;
};

}  // namespace vminit::ttrpc

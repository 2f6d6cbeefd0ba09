// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "vminit/core/unique_fd.hpp"
#include "vminit/ttrpc/frame_codec.hpp"

namespace vminit::bench {

/// Makes the same call again and again without a client library: what it costs is not what is measured, and the same
/// for all.
class caller {
public:
    /// Whether the payload of the first answer is what was asked for.
    using check = std::function<bool(std::string_view payload)>;

    /// On `socket`, which blocks.
    caller(unique_fd socket, std::string_view service, std::string_view method, std::string_view payload,
           check is_good);

    /// `count` calls, `depth` of them unanswered. Ends the program when the peer goes or the first answer is not good.
    void call(unsigned count, unsigned depth);

private:
    void send(unsigned count, unsigned& sent);
    unsigned receive();
    void look_at(const ttrpc::frame& answer);

    unique_fd socket_;
    std::string request_;
    check is_good_;
    ttrpc::frame_decoder decoder_;
    std::uint32_t next_id_ = 1;
    bool is_checked_ = false;
    std::array<char, std::size_t{64} * 1024> buffer_{};
};

}  // namespace vminit::bench

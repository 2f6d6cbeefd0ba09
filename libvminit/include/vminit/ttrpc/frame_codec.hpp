// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "vminit/ttrpc/frame.hpp"

namespace vminit::ttrpc {

/// Cuts a byte stream into frames. Does no I/O; frames that lie whole in the input are not copied.
class frame_decoder {
public:
    /// Bytes of oversize frames skipped in a row before the peer is given up: sixteen of the largest frames.
    static constexpr std::uint64_t max_discard = std::uint64_t{64} << 20;

    enum class outcome {
        frame,      ///< `out` is a frame; its data is valid until the next call and as long as the input's memory
        oversize,   ///< `out.header` announced too much, or was abandoned; its data has been skipped
        need_more,  ///< the input is used up
        excessive,  ///< more than `max_discard` bytes would have to be skipped: close the connection
    };

    /// Takes from the front of `input` what makes the next frame.
    outcome next(std::string_view& input, frame& out);

    /// True between the first byte of a frame and its last: the end of the stream would cut it short.
    bool is_inside_frame() const noexcept { return (!buffer_.empty() && !is_consumed_) || discard_left_ != 0; }

    /// Gives up the frame that is not whole yet, once its header is there: what is held of it is freed, its rest skipped.
    void abandon() noexcept;

    /// Of oversize frames, so far.
    std::uint64_t discarded() const noexcept { return discarded_total_; }

    /// Bytes of memory held for an incomplete frame: grows with what arrives, not with what a header announces.
    std::size_t held() const noexcept { return buffer_.capacity(); }

private:
    outcome from_buffer(std::string_view& input, frame& out);
    outcome begin_discard(const frame_header& header) noexcept;
    outcome discard(std::string_view& input, frame& out) noexcept;
    void take(std::string_view& input, std::size_t wanted);

    std::string buffer_;
    bool is_consumed_ = false;
    frame_header oversize_;
    std::uint64_t discard_left_ = 0;
    std::uint64_t discarded_in_a_row_ = 0;
    std::uint64_t discarded_total_ = 0;
};

}  // namespace vminit::ttrpc

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "fuzz/input.hpp"
#include "vminit/ttrpc/frame_codec.hpp"

using namespace vminit;

namespace {

struct seen {
    ttrpc::frame_decoder::outcome outcome;
    ttrpc::frame_header header;
    std::string data;
    friend bool operator==(const seen&, const seen&) = default;
};

enum class patience { all, none };

// Feeds `input` to the decoder in pieces of `step` bytes; without patience each frame is abandoned that is not whole.
std::vector<seen> decode(std::string_view input, std::size_t step, patience with = patience::all) {
    ttrpc::frame_decoder decoder;
    std::vector<seen> frames;
    while (!input.empty()) {
        auto piece = input.substr(0, step);
        input.remove_prefix(piece.size());
        for (;;) {
            ttrpc::frame frame;
            auto outcome = decoder.next(piece, frame);
            if (outcome == ttrpc::frame_decoder::outcome::need_more) break;
            frames.push_back({outcome, frame.header, std::string(frame.data)});
            if (outcome == ttrpc::frame_decoder::outcome::excessive) return frames;
        }
        test::require(piece.empty(), "need_more has used the input up");
        if (with == patience::none) decoder.abandon();
        test::require(decoder.held() <= 2 * (input.size() + 8192) + 65536, "memory grows with what arrives");
    }
    return frames;
}

}  // namespace

// The same frames come out however the stream is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = test::as_text(data, size);
    std::size_t step = test::take_byte(input) % 32 + 1;
    auto whole = decode(input, input.size() + 1);
    test::require(decode(input, step) == whole, "pieces give what the whole gives");
    auto abandoned = decode(input, step, patience::none);
    for (std::size_t i = 0; i < std::min(abandoned.size(), whole.size()); ++i) {
        test::require(abandoned[i].header == whole[i].header, "an abandoned frame moves no other");
    }
    return 0;
}

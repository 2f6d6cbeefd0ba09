// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>

namespace vminit::ttrpc {

/// Which odd stream ids a peer may still open a stream with: those above all it has used, and of the newest `window` ids
/// those it has skipped. Clients with several threads (ttrpc-rust) take an id and queue its frame in two steps, so that
/// ids arrive swapped. A peer that uses an id twice gets no such credit for what it has skipped until then.
class stream_ids {
public:
    static constexpr std::uint32_t window = 1024;

    /// Uses up `id`, which is odd. False if it may not be used.
    bool take(std::uint32_t id) noexcept {
        if (id > highest_ || !is_used_) {
            advance_to(id);
            return true;
        }
        auto place = (highest_ - id) / 2;
        if (place < skipped_.size() && skipped_[place]) {
            skipped_.reset(place);
            return true;
        }
        skipped_.reset();
        return false;
    }

private:
    void advance_to(std::uint32_t id) noexcept {
        std::uint32_t step = is_used_ ? (id - highest_) / 2 : (id + 1) / 2;
        if (step >= skipped_.size()) {
            skipped_.set();
        } else {
            skipped_ <<= step;
            for (std::uint32_t place = 1; place < step; ++place) skipped_.set(place);
        }
        skipped_.reset(0);
        highest_ = id;
        is_used_ = true;
    }

    std::uint32_t highest_ = 0;
    bool is_used_ = false;
    std::bitset<window / 2> skipped_;  // by distance from the highest, in steps of two
};

}  // namespace vminit::ttrpc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>

#include "process/output_pump.hpp"

namespace vminit::process {

/// The outputs that deleted processes left behind, for hosts that read slowly. Bounded: beyond `capacity` the one that
/// has been here longest is dropped.
class late_outputs {
public:
    static constexpr std::size_t capacity = 64;  ///< each holds a pipe and at most one copy buffer

    void add(const std::shared_ptr<output_pump>& pump) {
        std::erase_if(pumps_, [](const auto& left) { return left.expired(); });
        pumps_.push_back(pump);
        if (pumps_.size() <= capacity) return;
        if (auto oldest = pumps_.front().lock()) oldest->give_up();
        pumps_.pop_front();
    }

private:
    std::deque<std::weak_ptr<output_pump>> pumps_;
};

}  // namespace vminit::process

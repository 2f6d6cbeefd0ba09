// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "vminit/core/clock.hpp"

namespace vminit::vminitctl {

/// How long output is waited for once its process has ended. Decides only.
///
/// A slow reader of ours gets every byte, however long it takes. Patience is for outputs on which the guest sends
/// nothing, though it does not close them either: it counts from the last byte of any of them.
class output_patience {
public:
    explicit output_patience(clock::duration limit) : limit_(limit) {}

    void reads(std::size_t output, clock::time_point now) { outputs_[output] = {true, false, now}; }
    void writes(std::size_t output) { outputs_[output].is_writing = true; }
    void closed(std::size_t output) { outputs_[output] = {}; }
    bool has_open() const noexcept { return outputs_[0].is_open || outputs_[1].is_open; }

    /// What is left of the patience for a process that ended at `ended`; none = without end, for we are being read.
    std::optional<clock::duration> left(clock::time_point ended, clock::time_point now) const;

private:
    struct output {
        bool is_open = false;
        bool is_writing = false;
        clock::time_point since{};
    };
    clock::duration limit_;
    std::array<output, 2> outputs_;
};

}  // namespace vminit::vminitctl

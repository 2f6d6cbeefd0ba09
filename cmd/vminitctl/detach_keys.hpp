// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// The keys that leave a terminal to itself, found in what is typed. Decides only.
class detach_keys {
public:
    static constexpr std::string_view usual = "ctrl-p,ctrl-q";  ///< docker's

    /// `ctrl-X` (a letter or one of @[\]^_) or a single character each, separated by commas. Nothing: no keys.
    /// Errors: invalid_argument.
    static result<detach_keys> parse(std::string_view text);

    detach_keys() = default;

    /// What of `typed` goes to the process. The beginning of the keys is held back until it is known to be none; behind
    /// the keys nothing goes any more.
    std::string pass(std::string_view typed);

    /// What is held back, for when nothing more is typed.
    std::string rest();

    /// All keys have been typed, one behind the other.
    bool is_complete() const noexcept { return !keys_.empty() && matched_ == keys_.size(); }

private:
    std::string keys_;
    std::size_t matched_ = 0;  // of them, in what was typed last
};

}  // namespace vminit::vminitctl

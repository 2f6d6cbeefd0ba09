// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit {

/// The kernel command line as words, split on white space outside double quotes (the kernel's own rule).
/// Words after a lone `--` belong to init's argv and are not looked at.
class kernel_cmdline {
public:
    kernel_cmdline() = default;
    explicit kernel_cmdline(std::string_view text);

    /// Reads /proc/cmdline.
    static result<kernel_cmdline> read();

    /// The value of the first `key=value` word.
    std::optional<std::string_view> value(std::string_view key) const noexcept;

    /// The values of all `key=value` words, in order.
    std::vector<std::string_view> values(std::string_view key) const;

    /// True if `key` stands alone or as `key=1`.
    bool has_flag(std::string_view key) const noexcept;

    /// True if any word starts with `prefix`.
    bool has_prefix(std::string_view prefix) const noexcept;

    const std::vector<std::string>& words() const noexcept { return words_; }

private:
    std::vector<std::string> words_;
};

}  // namespace vminit

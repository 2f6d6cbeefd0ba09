// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>

namespace vminit::test {

/// How much of a repetitive thing a test does: `usual`, or what the environment variable says (the full size is then
/// named in docs/testing.md).
inline std::size_t test_size(const char* variable, std::size_t usual) {
    const char* text = std::getenv(variable);
    auto number = text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
    return number > 0 ? number : usual;
}

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <cstddef>
#include <filesystem>

namespace vminit::test {

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

/// Fails the test when descriptors are left at its end. First base of a fixture: then the context is gone by that time,
/// with all that a test has left running in it.
class descriptor_guard {
public:
    descriptor_guard() = default;
    ~descriptor_guard() { CHECK(open_descriptors() == before_); }
    descriptor_guard(const descriptor_guard&) = delete;
    descriptor_guard& operator=(const descriptor_guard&) = delete;

private:
    std::size_t before_ = open_descriptors();
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <thread>

namespace vminit::test {

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

/// Fails the test when descriptors are left at its end. First base of a fixture: then the context is gone by that time,
/// with all that a test has left running in it. A thread of the context's that was in the middle of a job may close its last
/// descriptor a moment later, so they are waited for; the limit is there so that a leak ends the wait.
class descriptor_guard {
public:
    descriptor_guard() = default;
    ~descriptor_guard() {
        auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (open_descriptors() != before_ && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
        CHECK(open_descriptors() == before_);
    }
    descriptor_guard(const descriptor_guard&) = delete;
    descriptor_guard& operator=(const descriptor_guard&) = delete;

private:
    std::size_t before_ = open_descriptors();
};

}  // namespace vminit::test

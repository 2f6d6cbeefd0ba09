// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vminit::test {

/// While one lives, `count` allocations that this thread makes with `operator new` fail, from its `first` on. Coroutine frames and
/// Asio's operations get theirs elsewhere. One at a time.
class no_memory {
public:
    static constexpr int always = 1 << 30;

    explicit no_memory(int count = always, int first = 0) noexcept;
    ~no_memory();
    no_memory(const no_memory&) = delete;
    no_memory& operator=(const no_memory&) = delete;

    /// All have failed.
    static bool is_over() noexcept;
};

}  // namespace vminit::test

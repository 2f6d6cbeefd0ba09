#pragma once

namespace vminit::test {

/// While one lives, the next `count` allocations that this thread makes with `operator new` fail. Coroutine frames and
/// Asio's operations get theirs elsewhere. One at a time.
class no_memory {
public:
    static constexpr int always = 1 << 30;

    explicit no_memory(int count = always) noexcept;
    ~no_memory();
    no_memory(const no_memory&) = delete;
    no_memory& operator=(const no_memory&) = delete;
};

}  // namespace vminit::test

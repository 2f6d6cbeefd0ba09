// SPDX-License-Identifier: Apache-2.0
#include "support/no_memory.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local int left_to_pass = 0;
thread_local int left_to_fail = 0;

void* allocate(std::size_t size) noexcept {
    if (left_to_fail == 0 || left_to_pass-- > 0) return std::malloc(size > 0 ? size : 1);
    left_to_pass = 0;
    --left_to_fail;
    return nullptr;
}

}  // namespace

// The whole test program's. The array forms would come here by themselves, but not where a sanitizer has its own.
void* operator new(std::size_t size) {
    if (void* made = allocate(size)) return made;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }
void operator delete(void* what, const std::nothrow_t&) noexcept { std::free(what); }

void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete[](void* what) noexcept { std::free(what); }
void operator delete[](void* what, std::size_t) noexcept { std::free(what); }
void operator delete[](void* what, const std::nothrow_t&) noexcept { std::free(what); }

namespace vminit::test {

no_memory::no_memory(int count, int first) noexcept {
    left_to_pass = first;
    left_to_fail = count;
}

bool no_memory::is_over() noexcept { return left_to_fail == 0; }

no_memory::~no_memory() { left_to_fail = 0; }

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "vminit/core/syscalls.hpp"

namespace vminit::test {

/// While one lives, the system call `name` fails with `code`: from its `first` call on, `count` times. One at a time.
class failing_call {
public:
    static constexpr int always = 1 << 30;

    failing_call(std::string_view name, int code, int count = always, int first = 0) {
        plan = {name, code, first, count};
        syscalls::set_fault_hook(&fault_of);
    }
    ~failing_call() { syscalls::set_fault_hook(nullptr); }
    failing_call(const failing_call&) = delete;
    failing_call& operator=(const failing_call&) = delete;

private:
    struct faults {
        std::string_view name;
        int code, skipped, left;
    };

    static int fault_of(std::string_view name) {
        if (name != plan.name || plan.skipped-- > 0 || plan.left == 0) return 0;
        --plan.left;
        return plan.code;
    }

    static inline faults plan{};
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "vminit/core/syscalls.hpp"

namespace vminit::test {

/// In place of /dev/kmsg: each read(2) of its path takes one record. It is over when the writer has closed it.
class fake_kernel_log {
public:
    std::string path() const { return "/proc/self/fd/" + std::to_string(pipe_.read_end.get()); }

    void add(std::string_view record) { REQUIRE(syscalls::write_all(pipe_.write_end.get(), record, "record")); }
    void close() { pipe_.write_end = {}; }

private:
    syscalls::pipe_pair pipe_ = syscalls::pipe(O_DIRECT).value();
};

}  // namespace vminit::test

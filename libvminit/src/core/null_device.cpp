// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/null_device.hpp"

#include "vminit/core/syscalls.hpp"

namespace vminit {

namespace {

unique_fd& held() {
    static unique_fd null;
    return null;
}

}  // namespace

result<void> hold_null_device(const std::string& path) {
    auto opened = syscalls::open(path, O_RDWR);
    if (!opened) return opened.error();
    held() = std::move(*opened);
    return {};
}

result<unique_fd> open_null_device() {
    if (!held()) return syscalls::open("/dev/null", O_RDWR);
    auto copied = syscalls::check("fcntl", "/dev/null", [] { return ::fcntl(held().get(), F_DUPFD_CLOEXEC, 0); });
    if (!copied) return copied.error();
    return unique_fd(static_cast<int>(*copied));
}

}  // namespace vminit

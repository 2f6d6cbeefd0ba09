// SPDX-License-Identifier: Apache-2.0
#include "system/tree_calls.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

result<unique_fd> open_resolved(int at, const std::string& path, int flags, unsigned resolve) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.resolve = resolve;
    return tree_open(path, [&] { return ::syscall(SYS_openat2, at, path.c_str(), &how, sizeof how); });
}

}  // namespace

result<long> detail::tree_call(std::string_view name, const std::string& path, long (*call)(void*), void* context) {
    return syscalls::check(name, path, [&] { return call(context); });
}

result<unique_fd> open_in_root(int root, const std::string& path, int flags) {
    return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

result<unique_fd> open_beneath(int directory, const std::string& path, int flags) {
    return open_resolved(directory, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#include "start_requirements.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdint>

#include "vminit/core/syscalls.hpp"

namespace vminit::api {

namespace {

// A container's state, pid files and sockets take some 50 KiB.
constexpr std::uint64_t least_bytes = 256 * 1024;
constexpr std::uint64_t least_files = 32;

result<void> is_usable(const std::string& path, int mode) {
    return syscalls::attempt("access", path, [&] { return ::access(path.c_str(), mode); });
}

result<void> has_room(std::string path) {
    struct statvfs room{};
    while (path.size() > 1 && ::access(path.c_str(), F_OK) != 0) path.resize(path.rfind('/'));
    if (path.empty()) path = "/";
    auto known = syscalls::attempt("statvfs", path, [&] { return ::statvfs(path.c_str(), &room); });
    if (!known) return known.error();
    std::uint64_t left = std::uint64_t{room.f_bavail} * room.f_frsize;
    // Without a limit of its own a filesystem says that it has no files at all.
    bool is_full = left < least_bytes || (room.f_files > 0 && room.f_favail < least_files);
    if (!is_full) return {};
    return error(errc::resource_exhausted, fmt::format("{} is full, {} bytes and {} files left", path, left,
                                                       std::uint64_t{room.f_favail}));
}

result<void> opens(const std::string& path) {
    auto opened = syscalls::open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
    if (!opened) return opened.error();
    return {};
}

}  // namespace

std::string start_obstacles(const start_requirements& wanted) {
    std::string found;
    auto note = [&](const result<void>& tried) {
        if (tried) return;
        if (!found.empty()) found += "; ";
        found += tried.error().message();
    };
    if (wanted.runtime.starts_with('/')) note(is_usable(wanted.runtime, X_OK));
    if (!wanted.null_device.empty()) note(opens(wanted.null_device));
    if (!wanted.cgroup_root.empty()) note(is_usable(wanted.cgroup_root, W_OK));
    if (wanted.runtime_state.starts_with('/')) note(has_room(wanted.runtime_state));
    return found;
}

}  // namespace vminit::api

// SPDX-License-Identifier: Apache-2.0
#include "file_placement.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::devices {

namespace {

constexpr const char* temporary_name = ".vminit-extras.tmp";

// `path` is one that cannot lead out of `root`, wherever the links in it point to.
boost::system::result<unique_fd> open_existing(const unique_fd& root, const std::string& path) {
    struct open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    auto fd = syscalls::raw("open", [&] {
        return ::syscall(SYS_openat2, root.get(), path.empty() ? "." : path.c_str(), &how, sizeof how);
    });
    if (!fd) return fd.error();
    return unique_fd(static_cast<int>(*fd));
}

bool is_missing(const error_code& failure) { return failure == boost::system::errc::no_such_file_or_directory; }

result<void> make_directory_in(const unique_fd& parent, const std::string& name, mode_t mode, const std::string& path) {
    auto made = syscalls::attempt("mkdir", path, [&] { return ::mkdirat(parent.get(), name.c_str(), mode); });
    if (!made) return made;
    return syscalls::attempt("chmod", path, [&] { return ::fchmodat(parent.get(), name.c_str(), mode, 0); });
}

// The directory `path` below `root`, whose parent is `parent`.
result<unique_fd> open_or_make(const unique_fd& root, const unique_fd& parent, const std::string& path, mode_t mode) {
    auto found = open_existing(root, path);
    if (!found && is_missing(found.error())) {
        auto made = make_directory_in(parent, path.substr(path.rfind('/') + 1), mode, "/" + path);
        // Somebody else's, or a link that leads nowhere: the next look tells.
        if (!made && !syscalls::is_errno(made.error(), EEXIST)) return made.error();
        found = open_existing(root, path);
    }
    if (!found) return error(found.error(), "open /" + path);
    return std::move(*found);
}

// Whole paths from the root, one component longer each time: a link that leads up is seen with all of what it leads through.
result<unique_fd> open_path(const std::string& root, std::span<const std::string> components, mode_t mode) {
    auto top = syscalls::open(root.empty() ? "/" : root, O_PATH | O_DIRECTORY);
    if (!top) return top.error();
    unique_fd directory;
    std::string path;
    for (const auto& name : components) {
        bool is_last = &name == &components.back();
        path += (path.empty() ? "" : "/") + name;
        auto next = open_or_make(*top, directory ? directory : *top, path, is_last ? mode : 0755);
        if (!next) return next.error();
        directory = std::move(*next);
    }
    if (!directory) return std::move(*top);
    return directory;
}

}  // namespace

std::optional<std::vector<std::string>> clean_components(std::string_view path) {
    if (!path.starts_with('/')) return std::nullopt;
    std::vector<std::string> components;
    while (!path.empty()) {
        auto end = path.find('/');
        auto name = path.substr(0, end);
        if (name == "..") {
            if (!components.empty()) components.pop_back();
        } else if (!name.empty() && name != ".") {
            components.emplace_back(name);
        }
        path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    }
    if (components.empty()) return std::nullopt;
    return components;
}

result<unique_fd> open_directory_below(const std::string& root, std::span<const std::string> components) {
    return open_path(root, components, 0755);
}

result<void> make_directory_below(const std::string& root, std::span<const std::string> components, mode_t mode) {
    auto made = open_path(root, components, mode);
    if (!made) return made.error();
    return {};
}

result<new_file> new_file::create(unique_fd directory) {
    // A leftover of a boot that was cut short on a disk that outlived it.
    ::unlinkat(directory.get(), temporary_name, 0);
    auto fd = syscalls::check("create", temporary_name, [&] {
        return ::openat(directory.get(), temporary_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    });
    if (!fd) return fd.error();
    return new_file(std::move(directory), unique_fd(static_cast<int>(*fd)));
}

new_file::~new_file() {
    if (file_) ::unlinkat(directory_.get(), temporary_name, 0);
}

result<void> new_file::write_at(std::span<const char> bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        auto written = syscalls::check("write", temporary_name, [&] {
            return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        });
        if (!written) return written.error();
        bytes = bytes.subspan(static_cast<std::size_t>(*written));
        offset += static_cast<std::uint64_t>(*written);
    }
    return {};
}

result<void> new_file::finish(const std::string& name, std::uint64_t size, mode_t mode) {
    auto sized = syscalls::check("truncate", name, [&] { return ::ftruncate(file_.get(), static_cast<off_t>(size)); });
    if (!sized) return sized.error();
    auto changed = syscalls::check("chmod", name, [&] { return ::fchmod(file_.get(), mode); });
    if (!changed) return changed.error();
    auto renamed = syscalls::check(
        "rename", name, [&] { return ::renameat(directory_.get(), temporary_name, directory_.get(), name.c_str()); });
    if (!renamed) return renamed.error();
    file_.reset();
    return {};
}

}  // namespace vminit::devices

#include "file_placement.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vminit/core/syscalls.hpp"

namespace vminit::devices {

namespace {

constexpr const char* temporary_name = ".vminit-extras.tmp";

boost::system::result<long> open_directory_in(const unique_fd& parent, const std::string& name) {
    return syscalls::raw(
        "open", [&] { return ::openat(parent.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
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
    auto directory = syscalls::open(root.empty() ? "/" : root, O_PATH | O_DIRECTORY);
    if (!directory) return directory.error();
    std::string path = root;
    for (const auto& name : components) {
        path += "/" + name;
        auto next = open_directory_in(*directory, name);
        if (!next && next.error() == boost::system::errc::no_such_file_or_directory) {
            if (auto made = make_directory_in(*directory, name, 0755, path); !made) return made.error();
            next = open_directory_in(*directory, name);
        }
        if (!next) return error(next.error(), "open " + path);
        directory->reset(static_cast<int>(*next));
    }
    return directory;
}

result<void> make_directory_in(const unique_fd& parent, const std::string& name, mode_t mode, const std::string& path) {
    auto made = syscalls::check("mkdir", path, [&] { return ::mkdirat(parent.get(), name.c_str(), mode); });
    if (!made) {
        if (!syscalls::is_errno(made.error(), EEXIST)) return made.error();
        auto existing = open_directory_in(parent, name);
        if (!existing) return error(existing.error(), "mkdir " + path);
        unique_fd found(static_cast<int>(*existing));
        return {};
    }
    return syscalls::attempt("chmod", path, [&] { return ::fchmodat(parent.get(), name.c_str(), mode, 0); });
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

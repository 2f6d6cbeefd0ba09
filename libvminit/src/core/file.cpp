// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "vminit/core/syscalls.hpp"

namespace vminit {

namespace {

result<void> make_directory(const std::string& path, mode_t mode) {
    auto made = syscalls::raw("mkdir", [&] { return ::mkdir(path.c_str(), mode); });
    if (made) {
        // mkdir(2) applies the umask; the caller asked for exactly `mode`.
        auto changed = syscalls::check("chmod", path, [&] { return ::chmod(path.c_str(), mode); });
        if (!changed) return changed.error();
        return {};
    }
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return error(made.error(), "mkdir " + path);
}

}  // namespace

result<std::string> read_file(const std::string& path, std::size_t limit) {
    auto fd = syscalls::open(path, O_RDONLY);
    if (!fd) return fd.error();
    std::string text;
    char block[4096];  // procfs and cgroupfs files are mostly smaller than a page
    while (text.size() < limit) {
        std::size_t wanted = std::min(limit - text.size(), sizeof block);
        auto count = syscalls::check("read", path, [&] { return ::read(fd->get(), block, wanted); });
        if (!count) return count.error();
        if (*count == 0) break;
        text.append(block, static_cast<std::size_t>(*count));
    }
    return text;
}

result<void> write_file(const std::string& path, std::string_view data) {
    auto fd = syscalls::open(path, O_WRONLY);
    if (!fd) return fd.error();
    auto written = syscalls::check("write", path, [&] { return ::write(fd->get(), data.data(), data.size()); });
    if (!written) return written.error();
    return {};
}

result<void> replace_file(const std::string& path, std::string_view data, mode_t mode) {
    std::string temporary = path + ".tmp";
    auto create = [&] { return syscalls::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode); };
    auto fd = create();
    if (!fd && syscalls::is_errno(fd.error(), EEXIST)) {  // of somebody who was interrupted
        ::unlink(temporary.c_str());
        fd = create();
    }
    if (!fd) return fd.error();
    auto finish = [&]() -> result<void> {
        if (auto written = syscalls::write_all(fd->get(), data, temporary); !written) return written.error();
        auto changed = syscalls::check("chmod", temporary, [&] { return ::fchmod(fd->get(), mode); });
        if (!changed) return changed.error();
        auto renamed = syscalls::check("rename", path, [&] { return ::rename(temporary.c_str(), path.c_str()); });
        if (!renamed) return renamed.error();
        return {};
    };
    auto outcome = finish();
    if (!outcome) ::unlink(temporary.c_str());
    return outcome;
}

result<void> make_directories(const std::string& path, mode_t mode) {
    // From the end: mostly all but the last are there, and each look costs a path lookup.
    auto made = make_directory(path, mode);
    auto slash = path.find_last_of('/');
    bool lacks_parent = !made && syscalls::is_errno(made.error(), ENOENT) && slash != std::string::npos && slash > 0;
    if (!lacks_parent) return made;
    if (auto parent = make_directories(path.substr(0, slash), mode); !parent) return parent.error();
    return make_directory(path, mode);
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blank = " \t\r\n";
    auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

}  // namespace vminit

#include "vminit/core/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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
    while (text.size() < limit) {
        // procfs and cgroupfs files are mostly smaller than a page; grow only for those that are not.
        std::size_t used = text.size();
        std::size_t chunk = std::min(limit - used, std::max<std::size_t>(4096, used));
        text.resize(used + chunk);
        auto count = syscalls::check("read", path, [&] { return ::read(fd->get(), text.data() + used, chunk); });
        if (!count) return count.error();
        text.resize(used + static_cast<std::size_t>(*count));
        if (*count == 0) break;
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
    ::unlink(temporary.c_str());
    auto fd = syscalls::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
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
    for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
        if (auto made = make_directory(path.substr(0, at), mode); !made) return made.error();
    }
    return make_directory(path, mode);
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blank = " \t\r\n";
    auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

}  // namespace vminit

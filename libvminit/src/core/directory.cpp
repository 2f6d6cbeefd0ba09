// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/directory.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit {

namespace {

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

bool is_dot_or_dot_dot(const char* name) noexcept {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

template <class Filter>
result<std::vector<std::string>> list(const std::string& path, std::size_t most, Filter is_wanted) {
    auto opened =
        syscalls::check("list", path, [&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (!opened) return opened.error();
    unique_fd fd(static_cast<int>(*opened));
    std::unique_ptr<DIR, close_directory> directory(::fdopendir(fd.get()));
    if (!directory) return error(errc::resource_exhausted, "list " + path);
    (void)fd.release();
    std::vector<std::string> names;
    while (const auto* entry = ::readdir(directory.get())) {
        if (is_dot_or_dot_dot(entry->d_name) || !is_wanted(*entry)) continue;
        if (names.size() == most) break;
        names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

result<std::vector<std::string>> names_in(const std::string& path, std::size_t most) {
    return list(path, most, [](const struct dirent&) { return true; });
}

result<std::vector<std::string>> names_in(const std::string& path, std::size_t most,
                                          bool (*is_wanted)(std::string_view)) {
    return list(path, most, [=](const struct dirent& entry) { return is_wanted(entry.d_name); });
}

result<std::vector<std::string>> directories_in(const std::string& path, std::size_t most) {
    return list(path, most, [](const struct dirent& entry) { return entry.d_type == DT_DIR; });
}

}  // namespace vminit

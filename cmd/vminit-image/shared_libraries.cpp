// SPDX-License-Identifier: Apache-2.0
#include "shared_libraries.hpp"

#include "tool.hpp"
#include "vminit/core/file.hpp"

namespace vminit::image {

namespace {

// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)", "/lib64/ld-linux-x86-64.so.2 (0x...)", "linux-vdso.so.1
// (0x...)".
result<std::string> path_in(std::string_view line) {
    line = trimmed(line);
    auto name = std::string(line.substr(0, line.find(' ')));
    if (auto arrow = line.find("=> "); arrow != std::string_view::npos) line.remove_prefix(arrow + 3);
    if (line.starts_with("not found")) return error(errc::not_found, "the library " + name);
    if (!line.starts_with('/')) return std::string();
    return std::string(line.substr(0, line.find(' ')));
}

}  // namespace

result<std::vector<std::string>> libraries_of(const std::string& program) {
    auto text = output_of({"ldd", program}, {"LC_ALL=C"});
    if (!text && text.error().context().find("not a dynamic executable") != std::string::npos)
        return std::vector<std::string>();
    if (!text) return text.error();
    std::vector<std::string> paths;
    for (std::size_t at = 0; at < text->size();) {
        auto end = std::min(text->find('\n', at), text->size());
        auto path = path_in(std::string_view(*text).substr(at, end - at));
        if (!path) return path.error().within(program);
        if (!path->empty()) paths.push_back(std::move(*path));
        at = end + 1;
    }
    return paths;
}

}  // namespace vminit::image

// SPDX-License-Identifier: Apache-2.0
#include "file_tree.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "vminit/core/syscalls.hpp"

namespace vminit::image {

namespace {

constexpr mode_t permission_bits = 07777;

}  // namespace

void file_tree::add(const std::string& path, node entry) {
    auto normal = (std::filesystem::path("/") / path).lexically_normal().string();
    if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
    if (normal == "/") return;
    auto above = std::filesystem::path(normal).parent_path().string();
    if (!nodes_.contains(above)) add(above, node{directory{}, 0755});
    nodes_[normal] = std::move(entry);
}

result<void> file_tree::add_copy(const std::string& source, const std::string& path) {
    struct stat found{};
    auto looked = syscalls::attempt("stat", source, [&] { return ::stat(source.c_str(), &found); });
    if (!looked) return looked;
    if (!S_ISREG(found.st_mode)) return error(errc::invalid_argument, source + " is not a file");
    add(path, node{copied_file{source}, found.st_mode & permission_bits});
    return {};
}

}  // namespace vminit::image

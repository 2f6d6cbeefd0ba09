// SPDX-License-Identifier: Apache-2.0
#include "scratch_directory.hpp"

#include <stdlib.h>

#include <filesystem>

#include "vminit/core/syscalls.hpp"

namespace vminit::image {

result<scratch_directory> scratch_directory::make() {
    const char* parent = std::getenv("TMPDIR");
    std::string path = std::string(parent != nullptr && *parent != '\0' ? parent : "/var/tmp") + "/vminit-image.XXXXXX";
    auto made = syscalls::attempt("mkdtemp", path, [&] { return ::mkdtemp(path.data()) == nullptr ? -1 : 0; });
    if (!made) return made.error();
    return scratch_directory(std::move(path));
}

scratch_directory::~scratch_directory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace vminit::image

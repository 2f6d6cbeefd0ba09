// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

result<process_file> process_file::create(const std::string& directory, std::string_view content) {
    process_file file;
    auto path = directory + "/runc-processXXXXXX";
    auto made = syscalls::check("mkostemp", path, [&] { return ::mkostemp(path.data(), O_CLOEXEC); });
    if (!made) return made.error();
    unique_fd fd(static_cast<int>(*made));
    file.path_ = std::move(path);
    auto written = syscalls::write_all(fd.get(), content, file.path_);
    if (!written) return written.error();
    return file;
}

process_file::~process_file() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

result<unique_fd> memory_file(std::string_view content) {
    auto made = syscalls::check("memfd_create", "input", [] { return ::memfd_create("runc-input", MFD_CLOEXEC); });
    if (!made) return made.error();
    unique_fd fd(static_cast<int>(*made));
    if (auto written = syscalls::write_all(fd.get(), content, "input"); !written) return written.error();
    auto rewound = syscalls::check("lseek", "input", [&] { return ::lseek(fd.get(), 0, SEEK_SET); });
    if (!rewound) return rewound.error();
    return fd;
}

}  // namespace vminit::runc

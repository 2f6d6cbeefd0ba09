// SPDX-License-Identifier: Apache-2.0
#include "console_log.hpp"

#include <fcntl.h>
#include <stdio.h>

#include "vminit/core/syscalls.hpp"

namespace vminit::vmm {

namespace {

result<unique_fd> begin_file(const std::string& path) {
    return syscalls::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
}

}  // namespace

result<console_log> console_log::open(std::string path, std::size_t limit) {
    auto file = begin_file(path);
    if (!file) return file.error();
    console_log log;
    log.path_ = std::move(path);
    log.limit_ = limit;
    log.file_ = std::move(*file);
    return log;
}

void console_log::write(std::string_view bytes) {
    if (!file_) return;
    if (written_ + bytes.size() > limit_) {
        auto old = path_ + ".old";
        (void)syscalls::attempt("rename", path_, [&] { return ::rename(path_.c_str(), old.c_str()); });
        auto next = begin_file(path_);
        if (!next) return;
        file_ = std::move(*next);
        written_ = 0;
    }
    (void)syscalls::write_all(file_.get(), bytes, path_);
    written_ += bytes.size();
}

}  // namespace vminit::vmm

// SPDX-License-Identifier: Apache-2.0
#include "tree_times.hpp"

#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>

#include <memory>

#include "vminit/core/syscalls.hpp"

namespace vminit::image {

namespace {

struct walk_closer {
    void operator()(::FTS* walk) const noexcept { ::fts_close(walk); }
};

}  // namespace

result<void> settle_times(const std::string& directory, std::time_t begin, std::time_t instead) {
    auto root = directory;
    char* roots[] = {root.data(), nullptr};
    std::unique_ptr<::FTS, walk_closer> walk(::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, nullptr));
    if (!walk) return error(errc::internal, "walk " + directory);
    while (auto* entry = ::fts_read(walk.get())) {
        if (entry->fts_info == FTS_D) continue;  // its time is set when all below it is done
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            return error(error_code(entry->fts_errno, boost::system::system_category()), entry->fts_path);
        auto time = entry->fts_statp->st_mtim;
        if (time.tv_sec < begin) continue;
        struct timespec times[] = {{0, UTIME_OMIT}, {instead, 0}};
        auto set = syscalls::attempt("utimensat", entry->fts_path, [&] {
            return ::utimensat(AT_FDCWD, entry->fts_path, times, AT_SYMLINK_NOFOLLOW);
        });
        if (!set) return set;
    }
    return {};
}

}  // namespace vminit::image

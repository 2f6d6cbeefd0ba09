// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::process {

/// The cgroup v2 path in the text of `/proc/<pid>/cgroup`: what follows `0::`, absolute and clean.
/// Errors: not_found without such a line or when the cgroup is deleted already; failed_precondition for `/` (its
/// numbers are the whole VM's, its processes include us) and for paths that are not clean or lie outside our view
/// (`/../x`).
result<std::string> parse_proc_cgroup(std::string_view text);

/// Names one cgroup v2 directory below the hierarchy's root, never the root itself. A value: holds paths, no
/// descriptor.
///
/// The calls are short and touch kernel memory only, but those that change something take the kernel's cgroup lock and
/// may wait for it: run them on the blocking pool.
class cgroup {
public:
    static constexpr std::size_t max_pids = 32768;        ///< the default pid_max
    static constexpr std::size_t max_directories = 1024;  ///< descendants looked at: what a container makes is not ours
    static constexpr std::size_t max_depth = 32;          ///< levels below the container's own

    /// The cgroup that `pid` is in. Ask while it still is where the runtime put it. Errors: errno of reading
    /// `<proc>/<pid>/cgroup` (ENOENT, ESRCH: the process is gone) and those of `parse_proc_cgroup`.
    static result<cgroup> of_process(pid_t pid, const std::string& root = "/sys/fs/cgroup",
                                     const std::string& proc = "/proc");

    /// `path` as `parse_proc_cgroup` gives it. For cgroups known from elsewhere, and tests.
    cgroup(std::string root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}

    /// As in `/proc/<pid>/cgroup`: `/default/c1`.
    const std::string& path() const noexcept { return path_; }
    /// Where its files are: `/sys/fs/cgroup/default/c1`.
    std::string directory() const { return root_ + path_; }

    bool exists() const;

    /// All processes in it and below, ascending, each once. A cgroup that is gone has none; more than the bounds above
    /// are left out. Errors: errno of reading its own cgroup.procs otherwise.
    result<std::vector<pid_t>> pids() const;

    /// Enables every controller that the root offers for the children of each directory on the way from the root down
    /// to the parent, so that this cgroup has their files. What is enabled already costs one read a level. A level that
    /// has processes of its own (EBUSY) stays as it is; other failures are returned to be logged, one or more a level.
    std::vector<error> enable_controllers() const;

    /// SIGKILL to everything in it and below, also to what is being forked (cgroup.kill). A cgroup that is gone is
    /// success. Errors: not_implemented where the kernel has no cgroup.kill (before 5.14), else errno.
    result<void> kill() const;

    /// Removes it, the empty cgroups below it first; its parents stay. Success if it is gone. Errors: errno; EBUSY
    /// (failed_precondition) while there are processes in it.
    result<void> remove() const;

private:
    std::string root_;
    std::string path_;
};

}  // namespace vminit::process

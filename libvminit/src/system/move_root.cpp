// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "initial_ramfs.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/mount.hpp"
#include "vminit/system/mount_table.hpp"

namespace vminit::system {

namespace {

constexpr const char* stage = "/.vminit-root";

result<std::vector<mount_info>> mounts_now() {
    if (auto table = read_mount_table()) return table;
    auto mounted = mount_filesystem(mount_entry("proc", "proc", "", {"nosuid", "noexec", "nodev"}), "/proc");
    if (!mounted) return mounted.error();
    return read_mount_table();
}

// What is mounted on the old root moves along: left there it would be cloned into every namespace made later.
void move_along(const std::vector<mount_info>& table, step_notes& notes) {
    for (const auto& mount : table) {
        bool is_top_level = mount.mount_point != "/" && mount.mount_point.rfind('/') == 0;
        if (!is_top_level) continue;
        std::string target = stage + mount.mount_point;
        notes.expect(syscalls::attempt("mount", target, [&] {
            return ::mount(mount.mount_point.c_str(), target.c_str(), nullptr, MS_MOVE, nullptr);
        }));
    }
}

}  // namespace

bool is_initial_ramfs(const std::vector<mount_info>& table) {
    auto root = std::find_if(table.rbegin(), table.rend(), [](const auto& mount) { return mount.mount_point == "/"; });
    return root != table.rend() && root->type == "rootfs";
}

// pivot_root(2) refuses the initial ramfs because that mount has no parent. A bind mount of it over itself has one, and
// needs no copy of the files: the same inodes, nothing twice in memory.
result<void> steps::move_root(step_notes& notes) {
    if (auto made = make_directories("/proc", 0755); !made) return made.error();
    auto table = mounts_now();
    if (!table) return table.error();
    if (!is_initial_ramfs(*table)) return {};
    if (auto made = make_directories(stage, 0700); !made) return made.error();
    auto bound = syscalls::attempt("mount", stage, [] { return ::mount("/", stage, nullptr, MS_BIND, nullptr); });
    if (!bound) return bound;
    move_along(*table, notes);
    if (auto entered = syscalls::attempt("chdir", stage, [] { return ::chdir(stage); }); !entered) return entered;
    auto moved = syscalls::attempt("mount", "move /", [] { return ::mount(".", "/", nullptr, MS_MOVE, nullptr); });
    if (!moved) return moved;
    if (auto rooted = syscalls::attempt("chroot", ".", [] { return ::chroot("."); }); !rooted) return rooted;
    if (auto entered = syscalls::attempt("chdir", "/", [] { return ::chdir("/"); }); !entered) return entered;
    notes.expect(syscalls::attempt("rmdir", stage, [] { return ::rmdir(stage); }));
    return {};
}

}  // namespace vminit::system

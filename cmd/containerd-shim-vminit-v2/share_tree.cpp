// SPDX-License-Identifier: Apache-2.0
#include "share_tree.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/mount.hpp"

namespace vminit::shim {

namespace {

constexpr auto tree_options = "size=64k,nr_inodes=4k,mode=0700";  // it holds mount points only

result<void> mount_tmpfs(const std::string& directory, unsigned long propagation) {
    if (auto made = make_directories(directory, 0700); !made) return made;
    auto mounted = syscalls::attempt("mount", directory, [&] {
        return ::mount("vminit", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, tree_options);
    });
    if (!mounted) return mounted;
    return syscalls::attempt("mount", directory,
                             [&] { return ::mount(nullptr, directory.c_str(), nullptr, propagation, nullptr); });
}

bool is_mount_point(const std::string& directory) {
    struct statx status{};
    auto seen = syscalls::raw(
        "statx", [&] { return ::statx(AT_FDCWD, directory.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status); });
    return seen && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

result<unique_fd> clone_mount(const std::string& source, share_depth depth) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    if (depth == share_depth::with_submounts) flags |= AT_RECURSIVE;
    auto tree = syscalls::check("open_tree", source, [&] { return ::open_tree(AT_FDCWD, source.c_str(), flags); });
    if (!tree) return tree.error();
    return unique_fd(static_cast<int>(*tree));
}

// Before it is anybody's: what is propagated has its flags from the beginning.
result<void> make_read_only(int tree, const std::string& source) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    return syscalls::attempt("mount_setattr", source, [&] {
        return ::mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes);
    });
}

// A mount point of the source's kind.
result<void> make_place(const std::string& path, const std::string& source) {
    struct stat status{};
    auto seen = syscalls::attempt("stat", source, [&] { return ::stat(source.c_str(), &status); });
    if (!seen) return seen;
    if (S_ISDIR(status.st_mode)) return make_directories(path, 0700);
    auto made = syscalls::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!made) return made.error();
    return {};
}

}  // namespace

// An unbindable mount around the shared one: a recursive bind of /run must not take the tree into itself.
result<void> share_tree::open() const {
    if (is_mount_point(directory())) return {};
    auto mounted = mount_tmpfs(place_, MS_UNBINDABLE);
    if (mounted) mounted = mount_tmpfs(directory(), MS_SHARED);
    if (!mounted) (void)close();
    return mounted;
}

result<void> share_tree::bind(const std::string& name, const std::string& source, share_access access,
                              share_depth depth) const {
    auto path = path_of(name);
    auto tree = clone_mount(source, depth);
    if (!tree) return tree.error();
    auto done = access == share_access::read_only ? make_read_only(tree->get(), source) : result<void>();
    if (done) done = make_place(path, source);
    if (!done) return done;
    done = syscalls::attempt("move_mount", source, [&] {
        return ::move_mount(tree->get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
    });
    if (!done) (void)remove(name);
    return done;
}

result<void> share_tree::mount(const std::string& name, const std::vector<system::mount_entry>& mounts) const {
    auto path = path_of(name);
    if (auto made = make_directories(path, 0700); !made) return made;
    for (const auto& entry : mounts) {
        auto mounted = system::mount_filesystem(entry, path);
        if (mounted) continue;
        (void)remove(name);
        return mounted.error();
    }
    return {};
}

result<void> share_tree::remove(const std::string& name) const {
    auto path = path_of(name);
    if (auto unmounted = system::unmount_all(path, system::unmount_mode::lazy); !unmounted) return unmounted;
    auto removed = syscalls::attempt("rmdir", path, [&] { return ::rmdir(path.c_str()); });
    if (!removed && syscalls::is_errno(removed.error(), ENOTDIR))
        removed = syscalls::attempt("unlink", path, [&] { return ::unlink(path.c_str()); });
    return removed || syscalls::is_errno(removed.error(), ENOENT) ? result<void>() : removed;
}

result<void> share_tree::close() const {
    for (const auto& directory : {directory(), place_}) {
        if (auto unmounted = system::unmount_all(directory, system::unmount_mode::lazy); !unmounted) return unmounted;
    }
    auto removed = syscalls::attempt("rmdir", place_, [&] { return ::rmdir(place_.c_str()); });
    return removed || syscalls::is_errno(removed.error(), ENOENT) ? result<void>() : removed;
}

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#include "id_mapped_mount.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/mount.hpp"

namespace vminit::system {

namespace {

// `0:1000:10,…` becomes the lines of a uid_map file (user_namespaces(7)).
result<std::string> map_file_text(std::string_view map) {
    std::string text;
    int colons = 0;
    bool has_digit = false;
    auto is_complete = [&] { return colons == 2 && has_digit; };
    for (char c : map) {
        if (c >= '0' && c <= '9') {
            has_digit = true;
            text.push_back(c);
        } else if (c == ':' && has_digit && colons < 2) {
            ++colons;
            has_digit = false;
            text.push_back(' ');
        } else if (c == ',' && is_complete()) {
            colons = 0;
            has_digit = false;
            text.push_back('\n');
        } else {
            return error(errc::invalid_argument, "bad id map \"" + std::string(map) + "\"");
        }
    }
    if (!is_complete()) return error(errc::invalid_argument, "bad id map \"" + std::string(map) + "\"");
    return text + "\n";
}

// A user namespace is made by a process that enters it. The child only waits for its pipe to close; the reaper collects
// it as it does any child nobody asked for. It shares no memory with us, so that the other thread does not matter.
result<pid_t> start_holder(const syscalls::pipe_pair& pipe) {
    auto pid = syscalls::check("clone", "CLONE_NEWUSER", [] {
        return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    });
    if (!pid) return pid.error();
    if (*pid == 0) {
        char byte = 0;
        ::close(pipe.write_end.get());
        while (::read(pipe.read_end.get(), &byte, 1) > 0) {
        }
        ::_exit(0);
    }
    return static_cast<pid_t>(*pid);
}

result<unique_fd> make_user_namespace(const std::string& uid_lines, const std::string& gid_lines) {
    auto pipe = syscalls::pipe();
    if (!pipe) return pipe.error();
    auto holder = start_holder(*pipe);
    if (!holder) return holder.error();
    std::string proc = "/proc/" + std::to_string(*holder);
    if (auto written = write_file(proc + "/uid_map", uid_lines); !written) return written.error();
    if (auto written = write_file(proc + "/gid_map", gid_lines); !written) return written.error();
    return syscalls::open(proc + "/ns/user", O_RDONLY);
}

result<unique_fd> clone_mapped(const std::string& mount_point, const unique_fd& user_namespace) {
    auto tree = syscalls::check("open_tree", mount_point, [&] {
        return ::open_tree(AT_FDCWD, mount_point.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    });
    if (!tree) return tree.error();
    unique_fd clone(static_cast<int>(*tree));
    struct mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<__u64>(user_namespace.get());
    auto mapped = syscalls::check("mount_setattr", mount_point, [&] {
        return ::mount_setattr(clone.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes);
    });
    if (!mapped) return mapped.error();
    return clone;
}

}  // namespace

result<void> map_ids(const std::string& mount_point, const std::string& uid_map, const std::string& gid_map) {
    auto uid_lines = map_file_text(uid_map);
    if (!uid_lines) return uid_lines.error();
    auto gid_lines = map_file_text(gid_map);
    if (!gid_lines) return gid_lines.error();
    auto user_namespace = make_user_namespace(*uid_lines, *gid_lines);
    if (!user_namespace) return user_namespace.error();
    auto mapped = clone_mapped(mount_point, *user_namespace);
    if (!mapped) return mapped.error();
    // The unmapped mount goes first: below the mapped one it would stay reachable and survive one unmount.
    auto unmounted = unmount_filesystem(mount_point, unmount_mode::normal);
    if (!unmounted) return unmounted.error();
    return syscalls::attempt("move_mount", mount_point, [&] {
        return ::move_mount(mapped->get(), "", AT_FDCWD, mount_point.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
    });
}

}  // namespace vminit::system

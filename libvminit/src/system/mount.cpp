// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/mount.hpp"

#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "id_mapped_mount.hpp"
#include "kernel_modules.hpp"
#include "loop_device.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/worker_thread.hpp"
#include "vminit/system/mount_options.hpp"

namespace vminit::system {

namespace {

std::string path_of(const unique_fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

// Where `target` is below `directory`; a symbolic link or `..` in it cannot lead out (openat2(2), RESOLVE_IN_ROOT).
result<std::string> resolve_below(const std::string& directory, const std::string& target) {
    auto root = syscalls::open(directory, O_PATH | O_DIRECTORY);
    if (!root) return root.error();
    struct open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    auto opened = syscalls::check(
        "resolve", target, [&] { return ::syscall(SYS_openat2, root->get(), target.c_str(), &how, sizeof how); });
    if (!opened) return opened.error().within(directory);
    unique_fd place(static_cast<int>(*opened));
    char path[PATH_MAX];
    auto length =
        syscalls::check("readlink", target, [&] { return ::readlink(path_of(place).c_str(), path, sizeof path); });
    if (!length) return length.error();
    return std::string(path, static_cast<std::size_t>(*length));
}

struct mount_call {
    std::string source;
    std::string target;
    std::string type;
    unsigned long flags = 0;
    std::string data;
};

result<void> perform(const mount_call& call) {
    return syscalls::attempt("mount", call.target, [&] {
        return ::mount(call.source.c_str(), call.target.c_str(), call.type.empty() ? nullptr : call.type.c_str(),
                       call.flags, call.data.empty() ? nullptr : call.data.c_str());
    });
}

// The working directory belongs to the whole process, so a thread takes one of its own (unshare(2), CLONE_FS).
result<void> perform_in(const std::string& working_directory, const mount_call& call) {
    result<void> outcome;
    auto worker = worker_thread::start([&] {
        auto unshared = syscalls::check("unshare", "CLONE_FS", [] { return ::unshare(CLONE_FS); });
        auto entered =
            unshared ? syscalls::check("chdir", working_directory, [&] { return ::chdir(working_directory.c_str()); })
                     : unshared;
        outcome = entered ? perform(call) : result<void>(entered.error());
    });
    if (!worker) return worker.error().within("mount " + call.target);
    worker->join();
    return outcome;
}

// The filesystem's module may be among those that are loaded while we serve already.
result<void> perform_knowing_type(const mount_call& call, const std::string& working_directory) {
    auto mount = [&] { return working_directory.empty() ? perform(call) : perform_in(working_directory, call); };
    auto mounted = mount();
    if (mounted || !syscalls::is_errno(mounted.error(), ENODEV)) return mounted;
    step_notes ignored;  // the late boot tells what does not load
    (void)boot_modules().load_rest(ignored);
    return mount();
}

result<void> perform_fitting(mount_call call) {
    auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::string working_directory;
    if (call.type == "overlay") {
        auto compacted = compact_overlay_options(call.data, page);
        working_directory = std::move(compacted.working_directory);
        call.data = std::move(compacted.data);
    }
    // mount(2) silently cuts its data at a page, terminating zero included.
    if (call.data.size() >= page) return error(errc::unknown, "mount options is too long");
    return perform_knowing_type(call, working_directory);
}

// MS_BIND ignores every other flag on the first call.
result<void> apply_bind_flags(const mount_call& call) {
    constexpr unsigned long read_only_bind = MS_BIND | MS_RDONLY;
    if ((call.flags & read_only_bind) != read_only_bind || (call.flags & MS_REMOUNT) != 0) return {};
    mount_call again;
    again.target = call.target;
    again.flags = call.flags | MS_REMOUNT;
    return perform(again);
}

}  // namespace

result<std::string> mount_filesystem(const mount_entry& entry, const std::string& directory) {
    auto options = parse_mount_options(entry.options);
    mount_call call{entry.source, directory, entry.type, options.flags, options.data};
    if (!entry.target.empty()) {
        auto place = resolve_below(directory, entry.target);
        if (!place) return place.error();
        call.target = *place;
    }
    loop_device loop;
    if (options.wants_loop) {
        auto access = (options.flags & MS_RDONLY) != 0 ? loop_access::read_only : loop_access::read_write;
        auto attached =
            attach_loop_device(entry.source, access, options.direct_io ? loop_cache::direct : loop_cache::shared);
        if (!attached) return attached.error();
        loop = std::move(*attached);
        call.source = loop.path;
    }
    if (auto mounted = perform_fitting(call); !mounted) return mounted.error();
    auto finished = apply_bind_flags(call);
    if (finished && !options.uid_map.empty() && !options.gid_map.empty()) {
        finished = map_ids(call.target, options.uid_map, options.gid_map);
    }
    if (!finished) {
        (void)unmount_filesystem(call.target, unmount_mode::lazy);
        return finished.error();
    }
    return call.target;
}

result<void> unmount_filesystem(const std::string& mount_point, unmount_mode mode) {
    int flags = UMOUNT_NOFOLLOW | (mode == unmount_mode::lazy ? MNT_DETACH : 0);
    auto done = syscalls::check("unmount", mount_point, [&] { return ::umount2(mount_point.c_str(), flags); });
    if (done || syscalls::is_errno(done.error(), EINVAL) || syscalls::is_errno(done.error(), ENOENT)) return {};
    return done.error();
}

result<void> unmount_all(const std::string& mount_point, unmount_mode mode) {
    int flags = UMOUNT_NOFOLLOW | (mode == unmount_mode::lazy ? MNT_DETACH : 0);
    for (int count = 0; count < max_stacked_mounts; ++count) {
        auto done = syscalls::check("unmount", mount_point, [&] { return ::umount2(mount_point.c_str(), flags); });
        if (done) continue;
        if (syscalls::is_errno(done.error(), EINVAL) || syscalls::is_errno(done.error(), ENOENT)) return {};
        return done.error();
    }
    return error(errc::failed_precondition, "unmount " + mount_point + ": too many mounts on top of each other");
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/cleanup.hpp"

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "vminit/core/syscalls.hpp"
#include "vminit/system/mount.hpp"
#include "vminit/system/mount_table.hpp"

namespace vminit::system {

namespace {

bool is_missing(const error& failure) { return syscalls::is_errno(failure, ENOENT); }

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using directory_handle = std::unique_ptr<DIR, close_directory>;

enum class crossing { allowed, refused };

// With `refused` a mount point is EXDEV, also a bind mount of the same filesystem, which st_dev would not tell.
result<directory_handle> open_directory(int parent, const std::string& name, const std::string& path, crossing mounts) {
    struct open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (mounts == crossing::refused) how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    auto fd =
        syscalls::check("open", path, [&] { return ::syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how); });
    if (!fd) return fd.error();
    unique_fd owned(static_cast<int>(*fd));
    directory_handle directory(::fdopendir(owned.get()));
    if (!directory) return error(errc::resource_exhausted, "fdopendir " + path);
    (void)owned.release();
    return directory;
}

struct child {
    std::string name;
    unsigned char type;  // DT_DIR ..., DT_UNKNOWN where the filesystem does not tell
};

std::vector<child> children_of(DIR* directory) {
    std::vector<child> children;
    while (const auto* entry = ::readdir(directory)) {
        std::string name = entry->d_name;
        if (name != "." && name != "..") children.push_back({std::move(name), entry->d_type});
    }
    return children;
}

// Removes bottom up, holding one descriptor a level; everything is addressed relative to those, never by a path that
// somebody could change meanwhile.
class tree_removal {
public:
    explicit tree_removal(dev_t device) : device_(device) {}

    void remove(int parent, const std::string& name, const std::string& path, int depth, unsigned char type) {
        if (type == DT_UNKNOWN) {
            struct stat status{};
            auto found = syscalls::check("stat", path, [&] {
                return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
            });
            if (!found) return note(found.error());
            if (status.st_dev != device_) return note_mount(path);
            type = S_ISDIR(status.st_mode) ? DT_DIR : DT_REG;
        }
        if (type != DT_DIR) return unlink(parent, name, path, 0);
        if (depth >= max_depth) return note(error(errc::out_of_range, "remove " + path + ": too deep"));
        remove_below(parent, name, path, depth, crossing::refused);
        unlink(parent, name, path, AT_REMOVEDIR);
    }

    void remove_below(int parent, const std::string& name, const std::string& path, int depth, crossing mounts) {
        auto directory = open_directory(parent, name, path, mounts);
        if (!directory) return is_crossing(directory.error()) ? note_mount(path) : note(directory.error());
        struct stat status{};
        int fd = ::dirfd(directory->get());
        if (::fstat(fd, &status) != 0 || status.st_dev != device_) return note_mount(path);
        for (const auto& [child, type] : children_of(directory->get())) {
            remove(fd, child, path + "/" + child, depth + 1, type);
        }
    }

    result<void> outcome() const { return first_; }

private:
    void unlink(int parent, const std::string& name, const std::string& path, int flags) {
        auto done = syscalls::check("remove", path, [&] { return ::unlinkat(parent, name.c_str(), flags); });
        if (done) return;
        // What the kernel says of a mount point (unlink(2), rmdir(2)).
        syscalls::is_errno(done.error(), EBUSY) ? note_mount(path) : note(done.error());
    }

    static bool is_crossing(const error& failure) { return syscalls::is_errno(failure, EXDEV); }

    void note_mount(const std::string& path) {
        note(error(errc::failed_precondition, "remove " + path + ": something is mounted there"));
    }

    void note(const error& failure) {
        if (first_ && !is_missing(failure)) first_ = failure;
    }

    dev_t device_;
    result<void> first_;
};

// Killed writers hold their files for a moment: only who is still busy after that is.
result<void> make_read_only(const std::string& mount_point, std::chrono::steady_clock::time_point busy_until) {
    for (;;) {
        auto done = syscalls::attempt("remount read-only", mount_point, [&] {
            return ::mount(nullptr, mount_point.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
        });
        bool is_busy = !done && syscalls::is_errno(done.error(), EBUSY);
        if (!is_busy || std::chrono::steady_clock::now() >= busy_until) return done;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

bool is_on_writable_disk(const mount_info& mount) {
    return mount.source.starts_with("/dev/") && !mount.has_option("ro") && mount.type != "devtmpfs";
}

// What a dying process still writes to lives on when it has been unmounted lazily, where the last remount cannot reach
// it. So disks take no more writes before they go; where one is busy for long, the mount stays for that remount.
// Returns these.
std::vector<std::string> settle_disks(const std::vector<mount_info>& table, const std::string& directory,
                                      cleanup_report& report) {
    std::vector<std::string> busy;
    auto busy_until = std::chrono::steady_clock::now() + busy_limit;
    for (const auto& mount : table) {
        bool is_below = mount.mount_point != directory && is_beneath(mount.mount_point, directory);
        if (!is_below || !is_on_writable_disk(mount)) continue;
        auto done = make_read_only(mount.mount_point, busy_until);
        if (done) continue;
        report.problems.push_back(done.error().message());
        if (syscalls::is_errno(done.error(), EBUSY)) busy.push_back(mount.mount_point);
    }
    return busy;
}

bool leads_to_one_of(const std::vector<std::string>& points, const std::string& path) {
    return std::any_of(points.begin(), points.end(), [&](const auto& point) { return is_beneath(point, path); });
}

void unmount_below(const std::vector<mount_info>& table, const std::string& directory, cleanup_report& report) {
    std::vector<std::string> points;
    for (const auto& mount : table) {
        if (mount.mount_point != directory && is_beneath(mount.mount_point, directory))
            points.push_back(mount.mount_point);
    }
    std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
    points.erase(std::unique(points.begin(), points.end()), points.end());
    auto busy = settle_disks(table, directory, report);
    for (const auto& point : points) {
        if (leads_to_one_of(busy, point)) continue;
        auto unmounted = unmount_all(point, unmount_mode::lazy);
        if (unmounted) {
            ++report.unmounted;
        } else {
            report.problems.push_back(unmounted.error().message());
        }
    }
}

bool holds_mount(const std::vector<mount_info>& table, const std::string& directory) {
    return std::any_of(table.begin(), table.end(),
                       [&](const auto& mount) { return is_beneath(mount.mount_point, directory); });
}

void remove_bundles(const cleanup_options& options, cleanup_report& report) {
    auto table = read_mount_table(options.mount_table);
    if (!table) {
        // Without knowing the mounts nothing may be deleted.
        report.problems.push_back(table.error().message());
        return;
    }
    auto directory = open_directory(AT_FDCWD, options.bundles, options.bundles, crossing::allowed);
    if (!directory) {
        if (!is_missing(directory.error())) report.problems.push_back(directory.error().message());
        return;
    }
    for (const auto& [name, type] : children_of(directory->get())) {
        std::string bundle = options.bundles + "/" + name;
        if (holds_mount(*table, bundle)) {
            report.problems.push_back("remove " + bundle + ": still holds mounts");
        } else if (auto removed = remove_tree(bundle); !removed) {
            report.problems.push_back(removed.error().message());
        }
    }
}

}  // namespace

result<void> remove_tree(const std::string& path) {
    auto slash = path.rfind('/');
    std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    auto directory = syscalls::open(parent, O_PATH | O_DIRECTORY);
    if (!directory) return is_missing(directory.error()) ? result<void>() : directory.error();
    struct stat status{};
    auto found = syscalls::check("stat", parent, [&] { return ::fstat(directory->get(), &status); });
    if (!found) return found.error();
    // What the path leads through is the caller's business; its last name is not entered if something is mounted there.
    tree_removal removal(status.st_dev);
    removal.remove(directory->get(), path.substr(slash + 1), path, 0, DT_UNKNOWN);
    return removal.outcome();
}

result<void> remove_contents(const std::string& path) {
    struct stat status{};
    auto found = syscalls::check("stat", path, [&] { return ::stat(path.c_str(), &status); });
    if (!found) return is_missing(found.error()) ? result<void>() : found.error();
    tree_removal removal(status.st_dev);
    removal.remove_below(AT_FDCWD, path, path, 0, crossing::allowed);
    return removal.outcome();
}

cleanup_report clean_up(const cleanup_options& options) {
    cleanup_report report;
    auto table = read_mount_table(options.mount_table);
    if (table) {
        unmount_below(*table, options.bundles, report);
    } else {
        report.problems.push_back(table.error().message());
    }
    remove_bundles(options, report);
    if (!options.temporary.empty()) {
        auto removed = remove_contents(options.temporary);
        if (!removed) report.problems.push_back(removed.error().message());
    }
    ::sync();
    return report;
}

std::vector<std::string> remount_read_only(const std::string& mount_table) {
    auto table = read_mount_table(mount_table);
    if (!table) return {table.error().message()};
    std::vector<std::string> problems;
    auto busy_until = std::chrono::steady_clock::now() + busy_limit;
    for (const auto& mount : *table) {
        if (!is_on_writable_disk(mount)) continue;
        auto done = make_read_only(mount.mount_point, busy_until);
        if (!done) problems.push_back(done.error().message());
    }
    ::sync();
    return problems;
}

}  // namespace vminit::system

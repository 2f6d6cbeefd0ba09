// SPDX-License-Identifier: Apache-2.0
#include "freezer.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

// Hosts are promised one class for all of these, whatever the errno.
error internal(const error& failure) { return error(errc::internal, failure.message()); }

bool is_loop(dev_t device) { return major(device) == 7; }  // Documentation/admin-guide/devices.txt

result<unique_fd> open_filesystem(const mount_info& mount) {
    auto fd = syscalls::open(mount.mount_point, O_RDONLY | O_NONBLOCK);
    if (!fd) return fd.error();
    struct stat status{};
    auto known = syscalls::check("stat", mount.mount_point, [&] { return ::fstat(fd->get(), &status); });
    if (!known) return known.error();
    if (status.st_dev != mount.device) {
        return error(errc::not_found, "open " + mount.mount_point + ": another filesystem is mounted over it");
    }
    return fd;
}

result<unique_fd> freeze_one(const mount_info& mount) {
    auto fd = open_filesystem(mount);
    if (!fd) return fd.error();
    auto done = syscalls::check("FIFREEZE", mount.mount_point, [&] { return ::ioctl(fd->get(), FIFREEZE, 0); });
    if (!done) return done.error();
    return fd;
}

result<void> thaw_one(const frozen_filesystem& filesystem) {
    auto done =
        syscalls::check("FITHAW", filesystem.mount_point, [&] { return ::ioctl(filesystem.fd.get(), FITHAW, 0); });
    if (!done) return done.error();
    return {};
}

}  // namespace

constexpr freeze_operations kernel_freeze_operations{freeze_one, thaw_one};

std::vector<mount_info> freezable_mounts(const std::vector<mount_info>& table) {
    std::vector<mount_info> chosen;
    for (const auto& mount : table) {
        bool is_known =
            std::any_of(chosen.begin(), chosen.end(), [&](const auto& one) { return one.device == mount.device; });
        // A writable filesystem may have a read-only mount as its first: only the filesystem's own `ro` counts.
        bool is_writable = !has_option_word(mount.super_options, "ro");
        if (mount.type == "ext4" && is_writable && !is_known) chosen.push_back(mount);
    }
    return chosen;
}

std::vector<mount_info> freezing_order(const std::vector<mount_info>& mounts) {
    std::vector<mount_info> order;
    for (bool wants_loops : {true, false}) {
        std::copy_if(mounts.rbegin(), mounts.rend(), std::back_inserter(order),
                     [&](const auto& mount) { return is_loop(mount.device) == wants_loops; });
    }
    return order;
}

result<std::vector<std::string>> frozen_set::freeze(const std::vector<mount_info>& mounts) {
    auto before = thaws();
    std::vector<item> added;
    result<void> status;
    for (const auto& mount : freezing_order(mounts)) {
        if (holds(mount.device)) continue;
        auto frozen = operations_.freeze(mount);
        if (!frozen) {
            status = internal(frozen.error());
            break;
        }
        added.push_back(
            std::make_shared<frozen_filesystem>(frozen_filesystem{mount.device, mount.mount_point, std::move(*frozen)}));
        if (add(added.back(), before)) continue;
        status = error(errc::internal, "FIFREEZE " + mount.mount_point + ": thawed meanwhile");
        break;
    }
    if (!status) {
        (void)thaw_all(added);
        return status.error();
    }
    std::vector<std::string> points;
    for (const auto& mount : mounts) points.push_back(mount.mount_point);
    return points;
}

result<void> frozen_set::thaw() {
    std::vector<item> all;
    {
        std::lock_guard lock(mutex_);
        ++thaws_;
        all = held_;
    }
    return thaw_all(all);
}

// The other way round than they were frozen: a filesystem in a loop device writes its superblock to the outer one.
result<void> frozen_set::thaw_all(const std::vector<item>& frozen) {
    result<void> first;
    for (auto at = frozen.rbegin(); at != frozen.rend(); ++at) {
        auto done = operations_.thaw(**at);
        if (done || syscalls::is_errno(done.error(), EINVAL)) {
            std::lock_guard lock(mutex_);
            std::erase(held_, *at);
        } else if (first) {
            first = internal(done.error());
        }
    }
    return first;
}

// It is on the list in any case: what does not thaw must be found by the next thaw.
bool frozen_set::add(item frozen, std::uint64_t thaws_before) {
    std::lock_guard lock(mutex_);
    held_.push_back(std::move(frozen));
    return thaws_ == thaws_before;
}

bool frozen_set::holds(dev_t device) const {
    std::lock_guard lock(mutex_);
    return std::any_of(held_.begin(), held_.end(), [&](const auto& one) { return one->device == device; });
}

std::uint64_t frozen_set::thaws() const {
    std::lock_guard lock(mutex_);
    return thaws_;
}

std::size_t frozen_set::size() const noexcept {
    std::lock_guard lock(mutex_);
    return held_.size();
}

}  // namespace vminit::system

#include "freezer.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

// Hosts are promised one class for all of these, whatever the errno.
error internal(const error& failure) { return error(errc::internal, failure.message()); }

bool holds(const std::vector<frozen_filesystem>& list, dev_t device) {
    return std::any_of(list.begin(), list.end(), [&](const auto& item) { return item.device == device; });
}

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

freeze_outcome freeze(const std::vector<mount_info>& mounts, std::vector<frozen_filesystem> held,
                      const freeze_operations& operations) {
    freeze_outcome outcome;
    std::vector<frozen_filesystem> added;
    for (const auto& mount : mounts) {
        outcome.mount_points.push_back(mount.mount_point);
        if (holds(held, mount.device)) continue;
        auto frozen = operations.freeze(mount);
        if (!frozen) {
            outcome.status = internal(frozen.error());
            outcome.mount_points.clear();
            // What does not thaw here stays on the list, for the next thaw.
            added = thaw(std::move(added), operations).still_frozen;
            break;
        }
        added.push_back(frozen_filesystem{mount.device, mount.mount_point, std::move(*frozen)});
    }
    std::move(added.begin(), added.end(), std::back_inserter(held));
    outcome.frozen = std::move(held);
    return outcome;
}

thaw_outcome thaw(std::vector<frozen_filesystem> held, const freeze_operations& operations) {
    thaw_outcome outcome;
    for (auto& item : held) {
        auto done = operations.thaw(item);
        if (done || syscalls::is_errno(done.error(), EINVAL)) continue;
        if (outcome.status) outcome.status = internal(done.error());
        outcome.still_frozen.push_back(std::move(item));
    }
    return outcome;
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/system/mount_table.hpp"

namespace vminit::system {

/// A filesystem to freeze, or frozen. The descriptor finds it again whatever is mounted over it meanwhile.
struct frozen_filesystem {
    dev_t device = 0;
    std::string mount_point;
    unique_fd fd;
};

/// The mounts to freeze: ext4, writable, the first mount point of each device, in mount order.
std::vector<mount_info> freezable_mounts(const std::vector<mount_info>& table);

/// `mounts` in the order in which they can be frozen: what lies in a file of another filesystem (a loop device) before
/// what may hold that file, later mounts before earlier ones. The other way round the freeze would wait for itself.
std::vector<mount_info> freezing_order(const std::vector<mount_info>& mounts);

/// What is done to one filesystem: by the kernel, or as a test has it (a test must not freeze the machine it runs on).
struct freeze_operations {
    result<unique_fd> (*freeze)(const mount_info& mount);
    result<void> (*thaw)(const frozen_filesystem& filesystem);
};

/// FIFREEZE and FITHAW. Freezing fails when another filesystem is mounted over the mount point.
extern const freeze_operations kernel_freeze_operations;

/// What we have frozen. Shared by the loop and by jobs; its mutex is never held while the kernel is asked for anything,
/// so that a freeze that does not return keeps nobody from thawing what was frozen before.
class frozen_set {
public:
    explicit frozen_set(const freeze_operations& operations = kernel_freeze_operations) : operations_(operations) {}

    /// Blocks. Freezes each of `mounts` that is not held yet and returns the mount points of all, in their order. On
    /// failure, and when a thaw comes meanwhile, what this call froze is thawed.
    result<std::vector<std::string>> freeze(const std::vector<mount_info>& mounts);

    /// Blocks. Thaws all that is frozen by now, last frozen first; one that is not frozen (EINVAL) counts as thawed.
    /// Returns the first failure; what failed stays on the list.
    result<void> thaw();

    std::size_t size() const noexcept;

private:
    using item = std::shared_ptr<const frozen_filesystem>;

    bool holds(dev_t device) const;
    std::uint64_t thaws() const;
    bool add(item frozen, std::uint64_t thaws_before);
    result<void> thaw_all(const std::vector<item>& frozen);

    const freeze_operations operations_;
    mutable std::mutex mutex_;
    std::vector<item> held_;    // in the order of freezing
    std::uint64_t thaws_ = 0;  // begun so far
};

}  // namespace vminit::system

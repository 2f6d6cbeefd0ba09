#pragma once

#include <sys/types.h>

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

/// What is done to one filesystem: by the kernel, or as a test has it (a test must not freeze the machine it runs on).
struct freeze_operations {
    result<unique_fd> (*freeze)(const mount_info& mount);
    result<void> (*thaw)(const frozen_filesystem& filesystem);
};

/// FIFREEZE and FITHAW. Freezing fails when another filesystem is mounted over the mount point.
extern const freeze_operations kernel_freeze_operations;

struct freeze_outcome {
    std::vector<frozen_filesystem> frozen;  ///< everything frozen by us now: `held` and what this call added
    std::vector<std::string> mount_points;  ///< the answer: of all `mounts`, in their order
    result<void> status;                    ///< on failure nothing was added
};

/// Blocks. Freezes each of `mounts` whose device is not in `held`.
freeze_outcome freeze(const std::vector<mount_info>& mounts, std::vector<frozen_filesystem> held,
                      const freeze_operations& operations = kernel_freeze_operations);

struct thaw_outcome {
    std::vector<frozen_filesystem> still_frozen;
    result<void> status;  ///< of the first that failed
};

/// Blocks. Thaws all of `held`; one that is not frozen (EINVAL) counts as thawed.
thaw_outcome thaw(std::vector<frozen_filesystem> held, const freeze_operations& operations = kernel_freeze_operations);

}  // namespace vminit::system

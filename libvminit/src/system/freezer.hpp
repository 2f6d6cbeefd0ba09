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

struct freeze_outcome {
    std::vector<frozen_filesystem> frozen;  ///< everything frozen by us now: `held` and what this call added
    std::vector<std::string> mount_points;  ///< the answer: of all `mounts`, in their order
    result<void> status;                    ///< on failure nothing was added
};

/// Blocks. FIFREEZE of each of `mounts` whose device is not in `held`.
freeze_outcome freeze(const std::vector<mount_info>& mounts, std::vector<frozen_filesystem> held);

struct thaw_outcome {
    std::vector<frozen_filesystem> still_frozen;
    result<void> status;  ///< of the first that failed
};

/// Blocks. FITHAW of all of `held`; one that is not frozen (EINVAL) counts as thawed.
thaw_outcome thaw(std::vector<frozen_filesystem> held);

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::runc {

/// A directory that an entry wants made before it is mounted (`X-containerd.mkdir.path=`).
struct directory_request {
    std::string path;  ///< below the base, without `.` and `..`; relative to the base
    mode_t mode = 0755;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;

    friend bool operator==(const directory_request&, const directory_request&) = default;
};

/// Takes the `X-containerd.mkdir.*` options out of an entry whose type starts with `mkdir/` (which goes, too).
/// Paths must lie under `base` component by component. Errors: `mkdir path "<p>" must be under "<base>"`,
/// `invalid mode "<m>"`, `invalid uid "<u>"`, `invalid gid "<g>"`, `unknown mkdir mount option "<o>"`; for an entry
/// without `mkdir/` that has such an option, `mount option "<o>" needs a mkdir/ type`.
result<std::vector<directory_request>> take_directories(system::mount_entry& entry, const std::string& base);

/// Makes the missing levels of `request.path` beneath `base` with exactly its mode, then gives the last to its owner.
/// No symbolic link is followed: what is beneath may be a disk that somebody else wrote. Can sleep.
result<void> make_directory_beneath(const std::string& base, const directory_request& request);

}  // namespace vminit::runc

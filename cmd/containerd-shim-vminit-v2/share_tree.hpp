// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::shim {

enum class share_access { read_only, read_write };
enum class share_depth { one_mount, with_submounts };

/// The directory of which a VM sees all that is mounted in it: one share for all volumes and root file systems. It
/// lies in this program's own mount namespace, a shared mount, so that who serves it (in a mount namespace of its own)
/// sees later mounts; a recursive bind of something above it leaves it out. All functions can sleep: for a
/// `blocking_service` job.
class share_tree {
public:
    /// `place` is a directory of the VM's; nothing is made yet.
    explicit share_tree(std::string place) : place_(std::move(place)) {}

    /// What is to be shared.
    std::string directory() const { return place_ + "/all"; }

    /// Makes it. Idempotent. Errors: errno of mount; nothing is left then.
    result<void> open() const;

    /// Binds `source` as `name`. `read_only` holds for all that is mounted below it too, and for everybody who sees the
    /// tree. Errors: errno with the source; nothing is left then.
    result<void> bind(const std::string& name, const std::string& source, share_access access, share_depth depth) const;

    /// Makes these mounts one on the other as `name`. Errors: as with `mount_filesystem`.
    result<void> mount(const std::string& name, const std::vector<system::mount_entry>& mounts) const;

    /// Takes `name` out again, lazily: who has it open may go on. Idempotent.
    result<void> remove(const std::string& name) const;

    /// Takes all of it down. Idempotent.
    result<void> close() const;

private:
    std::string path_of(const std::string& name) const { return directory() + "/" + name; }

    std::string place_;
};

}  // namespace vminit::shim

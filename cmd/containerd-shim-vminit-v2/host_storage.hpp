// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "guest_spec.hpp"
#include "rootfs_plan.hpp"
#include "share_tree.hpp"
#include "shim_config.hpp"
#include "vminit/core/asio.hpp"

namespace vminit::shim {

/// What one container has of this machine's file systems. A value; `host_storage` makes and releases what it names.
struct container_storage {
    std::string name;  ///< of its disks and directories in the VM
    rootfs_plan rootfs;
    std::vector<shared_source> volumes;
    std::vector<std::string> shared;  ///< names in the share tree
    bool has_image = false;           ///< the first disk is a file that goes with the container

    bool needs_share() const { return rootfs.way == rootfs_way::share || !volumes.empty(); }
};

/// The host's half of root file systems and volumes: images, and the directory that is shared with the VM.
class host_storage {
public:
    host_storage(asio::io_context& context, const shim_config& config, std::string vm_directory);

    /// The program that serves shares: the configured one, or the first of the usual places. Empty: there is none.
    const std::string& virtiofsd() const noexcept { return virtiofsd_; }

    /// Decides how the next container's root comes into the VM; touches nothing. Errors: of `plan_rootfs`;
    /// not_implemented when the configuration wants a share and there is no virtiofsd.
    result<container_storage> plan(const std::vector<system::mount_entry>& mounts);

    /// The same for the volumes that the spec asks for, which the guest finds in `volume_place`.
    void add_volumes(container_storage& storage, std::vector<shared_source> volumes) const;

    /// Where the guest will have the share, relative to its bundle; empty: there can be none.
    std::string volume_place(const container_storage& storage) const;

    /// Makes the image or the mounts. On failure `release` undoes what was done.
    awaitable<result<void>> prepare(container_storage& storage, std::vector<system::mount_entry> mounts,
                                    std::string bundle);

    /// Idempotent; what cannot be undone is logged.
    awaitable<void> release(container_storage storage);

    /// The share that a VM needs for such a container, if it needs one.
    std::optional<vmm::share> share_for(const container_storage& storage) const;

    /// After the VM's end.
    awaitable<void> close();

private:
    awaitable<result<void>> prepare_share(container_storage& storage, std::vector<system::mount_entry> mounts);

    asio::io_context& context_;
    const shim_config& config_;
    std::string vm_directory_;
    std::string virtiofsd_;
    share_tree tree_;
    bool has_tree_ = false;
    unsigned containers_ = 0;
};

}  // namespace vminit::shim

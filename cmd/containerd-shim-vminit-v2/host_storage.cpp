// SPDX-License-Identifier: Apache-2.0
#include "host_storage.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "rootfs_image.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/reaper/spawn.hpp"

namespace vminit::shim {

using system::mount_entry;

namespace {

constexpr auto share_tag = "share";
// Packages put it beside what runs it, not into the PATH.
constexpr std::string_view usual_places[] = {"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd",
                                             "virtiofsd"};

std::string find_virtiofsd(const std::string& configured) {
    if (!configured.empty()) return configured;
    for (auto place : usual_places) {
        auto found = reaper::find_program(std::string(place));
        if (found && ::access(found->c_str(), X_OK) == 0) return *found;
    }
    return {};
}

}  // namespace

host_storage::host_storage(asio::io_context& context, const shim_config& config, std::string vm_directory)
    : context_(context),
      config_(config),
      vm_directory_(std::move(vm_directory)),
      virtiofsd_(find_virtiofsd(config.virtiofsd)),
      tree_(vm_directory_ + "/share") {}

result<container_storage> host_storage::plan(const std::vector<mount_entry>& mounts) {
    container_storage storage;
    storage.name = fmt::format("rootfs-{}", containers_++);
    rootfs_choices choices;
    choices.name = storage.name;
    choices.image = fmt::format("{}/{}.erofs", vm_directory_, storage.name);
    choices.scratch_mib = config_.scratch_mib;
    if (config_.rootfs == rootfs_choice::virtiofs) choices.share_tag = share_tag;
    auto planned = plan_rootfs(mounts, choices);
    if (!planned) return planned.error();
    storage.rootfs = std::move(*planned);
    if (storage.rootfs.way == rootfs_way::share && virtiofsd_.empty())
        return error(errc::not_implemented, "rootfs: there is no virtiofsd to share it with the VM");
    storage.has_image = storage.rootfs.way == rootfs_way::image;
    return storage;
}

std::string host_storage::volume_place(const container_storage& storage) const {
    if (virtiofsd_.empty()) return {};
    auto mounts = storage.rootfs.in_guest;
    add_share_mount(mounts, share_tag);
    return share_place(mounts, share_tag);
}

void host_storage::add_volumes(container_storage& storage, std::vector<shared_source> volumes) const {
    storage.volumes = std::move(volumes);
    if (!storage.volumes.empty()) add_share_mount(storage.rootfs.in_guest, share_tag);
}

awaitable<result<void>> host_storage::prepare(container_storage& storage, std::vector<mount_entry> mounts,
                                              std::string bundle) {
    if (auto made = make_directories(vm_directory_, 0700); !made) co_return made.error();
    if (storage.needs_share()) {
        auto shared = co_await prepare_share(storage, mounts);
        if (!shared) co_return shared;
    }
    if (!storage.has_image) co_return result<void>();
    auto directory = bundle + "/rootfs";
    if (auto made = make_directories(directory, 0711); !made) co_return made.error();
    auto image = storage.rootfs.disks.front().file;
    co_return co_await make_rootfs_image(context_, std::move(mounts), directory, image, config_.mkfs_erofs);
}

awaitable<result<void>> host_storage::prepare_share(container_storage& storage, std::vector<mount_entry> mounts) {
    has_tree_ = true;
    // Noted before they are made: taking out what never came is no error.
    if (storage.rootfs.way == rootfs_way::share) storage.shared.push_back(storage.name);
    for (const auto& each : storage.volumes) storage.shared.push_back(each.name);
    bool has_root = storage.rootfs.way == rootfs_way::share;
    auto job = [tree = tree_, mounts, volumes = storage.volumes, name = storage.name, has_root]() -> result<void> {
        if (auto opened = tree.open(); !opened) return opened.error().within("share");
        if (has_root) {
            if (auto mounted = tree.mount(name, mounts); !mounted) return mounted.error().within("rootfs");
        }
        for (const auto& each : volumes) {
            auto bound = tree.bind(each.name, each.source, each.access, each.depth);
            if (!bound) return bound.error().within("bind mount");
        }
        return {};
    };
    co_return co_await asio::use_service<blocking_service>(context_).run(blocking_lane::mounts, std::move(job));
}

awaitable<void> host_storage::release(container_storage storage) {
    if (storage.has_image) ::unlink(storage.rootfs.disks.front().file.c_str());
    if (storage.shared.empty()) co_return;
    auto job = [tree = tree_, names = storage.shared]() -> result<void> {
        result<void> first;
        for (const auto& name : names) {
            auto removed = tree.remove(name);
            if (!removed && first) first = removed;
        }
        return first;
    };
    auto done = co_await asio::use_service<blocking_service>(context_).run(blocking_lane::mounts, std::move(job));
    if (!done) log_of(context_).warn("a shared directory stays mounted", {{"error", done.error()}});
}

std::optional<vmm::share> host_storage::share_for(const container_storage& storage) const {
    if (!storage.needs_share()) return std::nullopt;
    return vmm::share(tree_.directory(), share_tag);
}

awaitable<void> host_storage::close() {
    ::unlink(fmt::format("{}/{}.log", vm_directory_, share_tag).c_str());
    if (!has_tree_) co_return;
    has_tree_ = false;
    auto job = [tree = tree_] { return tree.close(); };
    auto closed = co_await asio::use_service<blocking_service>(context_).run(blocking_lane::mounts, std::move(job));
    if (!closed) log_of(context_).warn("the share stays mounted", {{"error", closed.error()}});
}

}  // namespace vminit::shim

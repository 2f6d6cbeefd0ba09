// SPDX-License-Identifier: Apache-2.0
#include "rootfs_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace vminit::shim {

using system::mount_entry;

namespace {

using options_list = std::vector<std::string>;

constexpr std::string_view format_prefix = "format/";
constexpr std::string_view mkdir_prefix = "mkdir/";
constexpr std::string_view mkdir_option = "X-containerd.mkdir.path=";
constexpr std::string_view template_mark = "{{";

bool is_image_file(const mount_entry& entry) { return entry.type == "erofs" || entry.type == "ext4"; }

bool has_template(const mount_entry& entry) {
    auto has_mark = [](const std::string& text) { return text.find(template_mark) != std::string::npos; };
    return entry.type.starts_with(format_prefix) &&
           (has_mark(entry.source) || std::any_of(entry.options.begin(), entry.options.end(), has_mark));
}

// The type behind `format/` and `mkdir/`.
std::string_view bare_type(const mount_entry& entry) {
    std::string_view type = entry.type;
    return type.substr(type.rfind('/') == std::string_view::npos ? 0 : type.rfind('/') + 1);
}

// A path of this machine behind `name`, which means nothing in the guest.
bool is_host_path(const std::string& option, std::string_view name) {
    return option.starts_with(name) && option.find(template_mark) == std::string::npos;
}

mount_entry scratch(unsigned mib) {
    auto size = mib == 0 ? std::string("size=50%") : fmt::format("size={}m", mib);
    return {"tmpfs", "tmpfs", "", options_list{std::move(size), "mode=0755"}};
}

// An overlay with what is written in the scratch `index`.
mount_entry overlay_on(options_list others, std::size_t index) {
    auto place = fmt::format("{{{{ mount {} }}}}", index);
    mount_entry entry("format/mkdir/overlay", "overlay", "", std::move(others));
    entry.options.push_back("upperdir=" + place + "/upper");
    entry.options.push_back("workdir=" + place + "/work");
    entry.options.push_back(fmt::format("{}{}/upper:0755", mkdir_option, place));
    entry.options.push_back(fmt::format("{}{}/work:0755", mkdir_option, place));
    return entry;
}

rootfs_plan plan_image(const rootfs_choices& choices) {
    rootfs_plan plan;
    plan.disks.emplace_back(choices.image, choices.name, vmm::disk_access::read_only);
    plan.in_guest.emplace_back("erofs", "serial:" + choices.name, "", options_list{"ro"});
    plan.in_guest.push_back(scratch(choices.scratch_mib));
    plan.in_guest.push_back(overlay_on(options_list{"lowerdir={{ mount 0 }}"}, 1));
    return plan;
}

rootfs_plan plan_share(const rootfs_choices& choices) {
    rootfs_plan plan;
    plan.way = rootfs_way::share;
    plan.in_guest.emplace_back("format/bind", "{{ mount 0 }}/" + choices.name, "", options_list{"rbind"});
    add_share_mount(plan.in_guest, choices.share_tag);
    return plan;
}

// Makes a plan of mounts whose sources are image files.
class disk_planner {
public:
    explicit disk_planner(const rootfs_choices& choices) : choices_(choices) { plan_.way = rootfs_way::disks; }

    result<void> add(const mount_entry& entry) {
        if (is_image_file(entry)) return add_disk(entry);
        if (bare_type(entry) == "overlay") return add_overlay(entry);
        bool is_plain = has_template(entry) && (bare_type(entry) == "bind" || bare_type(entry) == "erofs");
        if (!is_plain) return refusal(fmt::format("a mount of type {} among image files", entry.type));
        plan_.in_guest.push_back(entry);
        return {};
    }

    rootfs_plan take() && { return std::move(plan_); }

private:
    static error refusal(std::string why) { return error(errc::not_implemented, "rootfs: " + why); }

    result<void> add_disk(const mount_entry& entry) {
        options_list kept;
        for (const auto& option : entry.options) {
            if (option == "loop") continue;  // the guest has a disk instead
            if (option.starts_with("device=")) return refusal("an erofs image in several files (" + option + ")");
            kept.push_back(option);
        }
        bool is_read_only = entry.type == "erofs" || std::find(kept.begin(), kept.end(), "ro") != kept.end();
        auto serial = fmt::format("{}-{}", choices_.name, plan_.disks.size());
        plan_.in_guest.emplace_back(entry.type, "serial:" + serial, entry.target, std::move(kept));
        plan_.disks.emplace_back(entry.source, std::move(serial),
                                 is_read_only ? vmm::disk_access::read_only : vmm::disk_access::read_write);
        return {};
    }

    result<void> add_overlay(const mount_entry& entry) {
        options_list kept;
        bool writes_on_host = false;
        for (const auto& option : entry.options) {
            if (is_host_path(option, "lowerdir=")) return refusal("an overlay over a directory of the host");
            bool is_writable = is_host_path(option, "upperdir=") || is_host_path(option, "workdir=");
            writes_on_host = writes_on_host || is_writable;
            if (!is_writable && !is_host_path(option, mkdir_option)) kept.push_back(option);
        }
        if (!writes_on_host) {
            plan_.in_guest.push_back(entry);
            return {};
        }
        plan_.in_guest.push_back(scratch(choices_.scratch_mib));
        plan_.in_guest.push_back(overlay_on(std::move(kept), plan_.in_guest.size() - 1));
        plan_.remarks.push_back("what is written stays in the guest: the snapshot's upper directory is no image file");
        return {};
    }

    const rootfs_choices& choices_;
    rootfs_plan plan_;
};

}  // namespace

result<rootfs_plan> plan_rootfs(const std::vector<mount_entry>& mounts, const rootfs_choices& choices) {
    bool has_files = std::any_of(mounts.begin(), mounts.end(), [](const auto& entry) {
        return is_image_file(entry) || entry.type.starts_with(format_prefix) || entry.type.starts_with(mkdir_prefix);
    });
    if (!has_files && !choices.share_tag.empty()) return plan_share(choices);
    if (!has_files) return plan_image(choices);
    disk_planner planner(choices);
    for (const auto& entry : mounts) {
        if (auto added = planner.add(entry); !added) return added.error();
    }
    return std::move(planner).take();
}

void add_share_mount(std::vector<mount_entry>& in_guest, const std::string& tag) {
    if (!share_place(in_guest, tag).empty()) return;
    mount_entry share("virtiofs", tag, "", {});
    in_guest.insert(in_guest.empty() ? in_guest.end() : in_guest.end() - 1, std::move(share));
}

std::string share_place(const std::vector<mount_entry>& in_guest, const std::string& tag) {
    for (std::size_t index = 0; index < in_guest.size(); ++index) {
        if (in_guest[index].type == "virtiofs" && in_guest[index].source == tag) return fmt::format("mounts/{}", index);
    }
    return {};
}

}  // namespace vminit::shim

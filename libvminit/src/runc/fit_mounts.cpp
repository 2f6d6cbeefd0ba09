// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "runc/spec_parts.hpp"

namespace vminit::runc {

namespace {

constexpr std::string_view cgroup_root = "/sys/fs/cgroup";
constexpr std::string_view name_files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/hostname"};

std::string destination_of(const json::value& mount) { return normal_path(text_of(mount, "destination")); }

bool is_bind(json::object& mount) {
    return text_of(mount, "type") == "bind" || has_text(array_in(mount, "options"), {"bind", "rbind"});
}

json::object mount_of(std::string_view destination, std::string_view type, std::string_view source,
                      json::array options) {
    json::object mount;
    set_text(mount, "destination", destination);
    set_text(mount, "type", type);
    set_text(mount, "source", source);
    mount["options"] = std::move(options);
    return mount;
}

json::object shared_memory() {
    return mount_of("/dev/shm", "tmpfs", "shm", texts({"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
}

// A relative source lies in the bundle: a file that came with it, or below a mount of its root file system.
void resolve_source(json::object& mount, const std::string& bundle) {
    auto source = text_of(mount, "source");
    auto inside = normal_path("/" + source);  // ".." ends at the bundle
    if (!source.empty() && !source.starts_with('/') && inside != "/") set_text(mount, "source", bundle + inside);
}

// Why a name file cannot be bound over the image's; empty if it can.
std::string obstacle(const std::string& source, const std::string& destination, const machine_facts& facts,
                     const fit_options& options) {
    if (source.starts_with('/') && !facts.has_path(source)) return source + " is not here";
    auto target = facts.look(options.bundle + "/rootfs" + destination);
    // The runtime makes what is missing, also behind a link.
    bool is_missing = target == path_kind::none || target == path_kind::dangling_link;
    if (is_missing && facts.root_is_read_only) return "the image has none and is read-only";
    return {};
}

// A bind or another filesystem there would let an image decide what the runtime reads and writes (CVE-2019-16884).
result<void> check_proc(json::object& mount) {
    auto source = normal_path(text_of(mount, "source"));
    bool is_procfs = text_of(mount, "type") == "proc" || (is_bind(mount) && source == "/proc");
    if (is_procfs) return {};
    return error(errc::invalid_argument, "a mount on /proc that is no procfs");
}

bool is_shared_dev(json::object& mount) {
    if (text_of(mount, "type") == "devtmpfs") return true;
    return is_bind(mount) && normal_path(text_of(mount, "source")) == "/dev";
}

json::array::iterator find_mount(json::array& mounts, std::string_view destination) {
    return std::find_if(mounts.begin(), mounts.end(),
                        [&](const json::value& mount) { return destination_of(mount) == destination; });
}

// Behind /dev, where the first of these may have to lie on it.
void add_behind(json::array& mounts, std::string_view after, json::object mount) {
    if (find_mount(mounts, destination_of(json::value(mount))) != mounts.end()) return;
    mounts.insert(find_mount(mounts, after) + 1, std::move(mount));
}

bool is_cgroup(json::object& mount) {
    auto type = text_of(mount, "type");
    return type == "cgroup" || type == "cgroup2";
}

}  // namespace

result<void> fit_mounts(json::array& mounts, const machine_facts& facts, const fit_options& options, remarks& said) {
    result<void> outcome;
    keep_if(mounts, [&](json::value& entry) {
        if (!entry.is_object()) return true;
        auto& mount = entry.get_object();
        auto destination = destination_of(entry);
        if (destination == "/proc" && outcome) outcome = check_proc(mount);
        if (!is_bind(mount)) return true;
        resolve_source(mount, options.bundle);
        auto source = text_of(mount, "source");
        if (destination == "/dev/shm" && source.starts_with('/') && !facts.has_path(source)) {
            mount = shared_memory();
            said.add("/dev/shm is the container's own: " + source + " is not here");
        }
        if (std::find(std::begin(name_files), std::end(name_files), destination) == std::end(name_files)) return true;
        auto why = obstacle(source, destination, facts, options);
        if (why.empty()) return true;
        said.add(destination + " left out: " + why);
        return false;
    });
    return outcome;
}

void share_cgroups(json::array& mounts, const machine_facts& facts) {
    if (!facts.has_path(std::string(cgroup_root) + "/cgroup.controllers")) return;
    for (auto& entry : mounts) {
        if (!entry.is_object() || !is_cgroup(entry.get_object())) continue;
        auto& mount = entry.get_object();
        set_text(mount, "type", "bind");
        set_text(mount, "source", cgroup_root);
        auto options = texts({"bind"});
        if (auto* given = array_in(mount, "options")) options.insert(options.end(), given->begin(), given->end());
        mount["options"] = std::move(options);
    }
}

bool complete_mounts(json::array& mounts, const machine_facts& facts, const fit_options& options, remarks& said) {
    auto dev = find_mount(mounts, "/dev");
    bool has_dev = dev != mounts.end() && dev->is_object();
    if (has_dev && is_shared_dev(dev->get_object())) {
        *dev = mount_of("/dev", "tmpfs", "tmpfs", texts({"nosuid", "strictatime", "mode=755", "size=65536k"}));
        said.add("/dev is the container's own");
    }
    bool has_own_dev = has_dev && text_of(*dev, "type") == "tmpfs";
    if (has_own_dev) {
        add_behind(mounts, "/dev", shared_memory());
        add_behind(mounts, "/dev",
                   mount_of("/dev/pts", "devpts", "devpts",
                            texts({"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"})));
    }
    const auto& names = options.resolv_conf;
    bool has_names = find_mount(mounts, "/etc/resolv.conf") != mounts.end();
    if (!has_names && !names.empty() && obstacle(names, "/etc/resolv.conf", facts, options).empty()) {
        mounts.push_back(mount_of("/etc/resolv.conf", "bind", names, texts({"rbind", "ro"})));
    }
    return has_own_dev;
}

}  // namespace vminit::runc

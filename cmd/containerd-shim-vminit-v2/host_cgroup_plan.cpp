// SPDX-License-Identifier: Apache-2.0
#include "host_cgroup_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "vminit/system/mount_table.hpp"

namespace vminit::shim {

namespace {

constexpr std::string_view slice_suffix = ".slice";

std::string_view next_piece(std::string_view& rest, char separator) {
    auto end = rest.find(separator);
    auto piece = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return piece;
}

bool is_mount_of(const system::mount_info& mount, std::string_view controllers) {
    if (controllers.empty()) return mount.type == "cgroup2";
    if (mount.type != "cgroup") return false;
    while (!controllers.empty()) {
        if (!system::has_option_word(mount.super_options, next_piece(controllers, ','))) return false;
    }
    return true;
}

// A container's own mount of a hierarchy shows only what is below the container's cgroup.
std::string below(std::string_view cgroup, std::string_view root) {
    if (root == "/") return std::string(cgroup);
    if (!system::is_beneath(cgroup, root) || cgroup == root) return "/";
    return std::string(cgroup.substr(root.size()));
}

std::string cleaned(std::string_view path) {
    auto clean = std::filesystem::path("/" + std::string(path)).lexically_normal().string();
    while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
    return clean.starts_with("//") ? clean.substr(1) : clean;
}

error no_slice(std::string_view name) {
    return error(errc::invalid_argument, fmt::format("cgroupsPath: \"{}\" is no slice of systemd", name));
}

// systemd.slice(5): a-b.slice is in a.slice, and -.slice is the root.
result<std::string> slice_directory(std::string_view name) {
    if (name.empty()) return std::string("/system.slice");
    if (name == "-.slice") return std::string();
    bool is_slice = name.ends_with(slice_suffix) && name.find('/') == std::string_view::npos;
    if (!is_slice) return no_slice(name);
    std::string directory, parents;
    for (auto rest = name.substr(0, name.size() - slice_suffix.size());;) {
        bool is_last = rest.find('-') == std::string_view::npos;
        auto piece = next_piece(rest, '-');
        if (piece.empty()) return no_slice(name);
        parents += (parents.empty() ? "" : "-") + std::string(piece);
        directory += fmt::format("/{}{}", parents, slice_suffix);
        if (is_last) return directory;
    }
}

result<std::string> scope_directory(std::string_view cgroups_path) {
    auto rest = cgroups_path;
    auto slice = slice_directory(next_piece(rest, ':'));
    if (!slice) return slice;
    auto prefix = next_piece(rest, ':');
    bool is_name = !rest.empty() && cgroups_path.find('/') == std::string_view::npos;
    if (!is_name) return error(errc::invalid_argument, fmt::format("cgroupsPath \"{}\"", cgroups_path));
    if (rest.ends_with(slice_suffix)) return fmt::format("{}/{}", *slice, rest);
    return fmt::format("{}/{}{}{}.scope", *slice, prefix, prefix.empty() ? "" : "-", rest);
}

}  // namespace

bool cgroup_hierarchy::has(std::string_view controller) const noexcept {
    return system::has_option_word(controllers, controller);
}

std::vector<cgroup_hierarchy> parse_hierarchies(std::string_view mountinfo, std::string_view own_cgroups) {
    auto mounts = system::parse_mount_table(mountinfo);
    std::vector<cgroup_hierarchy> found;
    while (!own_cgroups.empty()) {
        auto line = next_piece(own_cgroups, '\n');
        auto number = next_piece(line, ':');
        auto controllers = next_piece(line, ':');
        if (number.empty() || !line.starts_with('/')) continue;
        auto mount = std::find_if(mounts.begin(), mounts.end(),
                                  [&](const auto& each) { return is_mount_of(each, controllers); });
        if (mount == mounts.end()) continue;
        found.push_back({mount->mount_point, below(line, mount->root), std::string(controllers)});
    }
    return found;
}

result<std::string> place_of_cgroup(std::string_view cgroups_path, std::string_view own) {
    bool is_systemd = !cgroups_path.starts_with('/') && std::count(cgroups_path.begin(), cgroups_path.end(), ':') == 2;
    if (is_systemd) return scope_directory(cgroups_path);
    auto place = cleaned(cgroups_path);
    if (place == "/") return error(errc::invalid_argument, fmt::format("cgroupsPath \"{}\"", cgroups_path));
    if (cgroups_path.starts_with('/') || own == "/") return place;
    return std::string(own) + place;
}

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/machine_facts.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>

#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::runc {

namespace {

// A /dev has some hundred nodes; a container that may write to it must not make Create long.
constexpr std::size_t max_nodes = 4096;
constexpr int max_depth = 4;  // dev/bus/usb/001/001 is not deeper

path_kind kind_of(const std::string& path) {
    struct stat status{};
    if (!syscalls::raw("lstat", [&] { return ::lstat(path.c_str(), &status); })) return path_kind::none;
    if (!S_ISLNK(status.st_mode)) return path_kind::present;
    bool leads = syscalls::raw("stat", [&] { return ::stat(path.c_str(), &status); }).has_value();
    return leads ? path_kind::link : path_kind::dangling_link;
}

std::string line_of(const std::string& path, std::string_view otherwise) {
    auto text = read_file(path);
    if (!text) return std::string(otherwise);
    return std::string(trimmed(*text));
}

// `name (mode)`, one a line.
std::vector<std::string> loaded_profiles(const std::string& path) {
    auto text = line_of(path, "");
    std::vector<std::string> names;
    for (std::string_view rest = text; !rest.empty();) {
        auto line = take_until(rest, '\n');
        if (!line.empty()) names.emplace_back(line.substr(0, line.rfind(" (")));
    }
    return names;
}

std::vector<std::string> listed(const std::string& directory) {
    auto names = names_in(directory, max_nodes);
    return names ? std::move(*names) : std::vector<std::string>();
}

// `hugepages-2048kB` is `2MB`.
std::vector<std::string> huge_page_sizes(const std::string& directory) {
    std::vector<std::string> sizes;
    for (const auto& name : listed(directory)) {
        std::uint64_t kib = 0;
        constexpr std::string_view prefix = "hugepages-";
        if (!name.starts_with(prefix)) continue;
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), kib);
        const char* unit = "KB";
        for (const char* next : {"MB", "GB"}) {
            if (kib < 1024 || kib % 1024 != 0) break;
            kib /= 1024;
            unit = next;
        }
        sizes.push_back(std::to_string(kib) + unit);
    }
    return sizes;
}

// Kernels before 6.1 can be told not to account swap (swapaccount=0). The root has neither file; any cgroup below shows
// it.
bool accounts_swap(const std::string& cgroups) {
    for (const auto& name : listed(cgroups)) {
        auto one = cgroups + "/" + name;
        if (kind_of(one + "/memory.max") != path_kind::none)
            return kind_of(one + "/memory.swap.max") != path_kind::none;
    }
    return true;
}

void add_nodes(const std::string& root, const std::string& directory, int depth, std::vector<device_node>& nodes) {
    // Before they are sorted: there may be more of those that nobody wants than of all others.
    auto names =
        names_in(root + directory, max_nodes, depth == 0 ? is_wanted_node : [](std::string_view) { return true; });
    if (!names) return;
    for (const auto& name : *names) {
        auto path = directory + "/" + name;
        struct stat status{};
        if (!syscalls::raw("lstat", [&] { return ::lstat((root + path).c_str(), &status); })) continue;
        // These are filesystems of their own, and no nodes.
        bool is_apart = path == "/dev/pts" || path == "/dev/shm" || path == "/dev/mqueue";
        if (S_ISDIR(status.st_mode) && !is_apart && depth < max_depth) add_nodes(root, path, depth + 1, nodes);
        if ((!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode)) || nodes.size() >= max_nodes) continue;
        device_node node;
        node.path = std::move(path);
        node.type = S_ISBLK(status.st_mode) ? 'b' : 'c';
        node.major = ::major(status.st_rdev);
        node.minor = ::minor(status.st_rdev);
        node.mode = status.st_mode & 07777;
        node.uid = status.st_uid;
        node.gid = status.st_gid;
        nodes.push_back(std::move(node));
    }
}

}  // namespace

// Letter by letter: a kernel may have six hundred such names, of which each privileged Create asks.
bool is_wanted_node(std::string_view name) {
    if (name.size() < 3 || (name[0] != 'v' && name[0] != 't' && name[0] != 'p')) return true;
    if (name[0] == 'v') return name[1] != 'c' || name[2] != 's';
    if (name[1] != 't' || name[2] != 'y' || name.size() == 3) return true;
    auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
    bool is_screen = name[0] == 't' && is_digit(name[3]);
    if (is_screen || name.size() != 5) return !is_screen;
    bool is_series = (name[3] >= 'a' && name[3] <= 'e') || (name[3] >= 'p' && name[3] <= 'z');
    return !is_series || (!is_digit(name[4]) && (name[4] < 'a' || name[4] > 'f'));
}

machine_facts read_machine_facts(const std::string& root) {
    auto has = [&](const char* path) { return kind_of(root + path) != path_kind::none; };
    machine_facts facts;
    auto files = line_of(root + "/proc/sys/fs/nr_open", "");
    std::from_chars(files.data(), files.data() + files.size(), facts.process.most_open_files);
    facts.process.apparmor_profiles = loaded_profiles(root + "/sys/kernel/security/apparmor/profiles");
    facts.process.has_selinux = has("/sys/fs/selinux/enforce");
    facts.cpus = line_of(root + "/sys/devices/system/cpu/possible", facts.cpus);
    facts.memory_nodes = line_of(root + "/sys/devices/system/node/has_memory", facts.memory_nodes);
    auto controllers = line_of(root + "/sys/fs/cgroup/cgroup.controllers", "");
    for (auto name : words_of(controllers)) facts.controllers.emplace_back(name);
    facts.huge_pages = huge_page_sizes(root + "/sys/kernel/mm/hugepages");
    facts.has_swap_limits = has("/proc/swaps") && accounts_swap(root + "/sys/fs/cgroup");
    facts.has_io_weights = has("/sys/fs/cgroup/io.cost.qos") || has("/sys/module/bfq");
    facts.has_cache_allocation = has("/sys/fs/resctrl/schemata");
    facts.look = kind_of;
    facts.devices = device_nodes([root] {
        std::vector<device_node> nodes;
        add_nodes(root, "/dev", 0, nodes);
        return nodes;
    });
    return facts;
}

bool restore_null_device(const std::string& root) {
    auto path = root + "/dev/null";
    struct stat status{};
    bool is_there = syscalls::raw("lstat", [&] { return ::lstat(path.c_str(), &status); }).has_value();
    if (is_there) return false;
    auto made = syscalls::raw("mknod", [&] { return ::mknod(path.c_str(), S_IFCHR | 0666, ::makedev(1, 3)); });
    return made && syscalls::raw("chmod", [&] { return ::chmod(path.c_str(), 0666); }).has_value();
}

}  // namespace vminit::runc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vminit::runc {

/// What must be known of this machine to judge an OCI Process. A plain value, kept with each container for its execs.
struct process_facts {
    std::uint64_t most_open_files = std::numeric_limits<std::uint64_t>::max();  ///< fs.nr_open
    std::vector<std::string> apparmor_profiles;                                 ///< that are loaded
    bool has_selinux = false;
};

/// A node in the machine's /dev.
struct device_node {
    std::string path;
    char type = 'c';  ///< `c` or `b`
    std::uint32_t major = 0, minor = 0;
    std::uint32_t mode = 0;  ///< permission bits
    std::uint32_t uid = 0, gid = 0;
};

/// The nodes in the machine's /dev, looked for when the first of them is asked for: most specs name none, and to look
/// at some hundred takes a good part of the time of a Create. For one thread at a time.
class device_nodes {
public:
    device_nodes() = default;
    explicit device_nodes(std::function<std::vector<device_node>()> find) : find_(std::move(find)) {}

    auto begin() const { return known().begin(); }
    auto end() const { return known().end(); }
    bool empty() const { return known().empty(); }
    void push_back(device_node node) { known().push_back(std::move(node)); }

private:
    std::vector<device_node>& known() const {
        if (auto find = std::exchange(find_, nullptr)) nodes_ = find();
        return nodes_;
    }

    mutable std::function<std::vector<device_node>()> find_;
    mutable std::vector<device_node> nodes_;
};

/// What a path is; a link is not followed but for whether it leads to something.
enum class path_kind { none, present, link, dangling_link };

/// What an OCI spec of another machine is compared with. A value, so that tests describe machines they do not have.
struct machine_facts {
    process_facts process;
    std::string cpus = "0";                ///< that can ever be there, in the kernel's list format
    std::string memory_nodes = "0";        ///< likewise
    std::vector<std::string> controllers;  ///< of cgroup v2; empty = not known, all are taken to be there
    std::vector<std::string> huge_pages;   ///< sizes as OCI writes them: `2MB`
    device_nodes devices;                  ///< in /dev, in the order of their paths; without those nobody wants
    bool has_swap_limits = true;           ///< the kernel can swap, and accounts it
    bool has_io_weights = true;
    bool has_cache_allocation = false;  ///< resctrl is mounted
    bool root_is_read_only = false;     ///< `<bundle>/rootfs`
    std::function<path_kind(const std::string&)> look = [](const std::string&) { return path_kind::none; };

    bool has_path(const std::string& path) const {
        auto kind = look(path);
        return kind == path_kind::present || kind == path_kind::link;
    }
};

/// Whether a container can want what has this name in /dev: not the virtual screens (`tty1`, `vcs`), before which there
/// is nobody, and not BSD's pseudo terminals (`ptyp0`, `ttyp0`), of which a kernel with CONFIG_LEGACY_PTYS has 512.
bool is_wanted_node(std::string_view name);

/// Reads procfs, sysfs, cgroupfs and devtmpfs below `root` (empty = this machine), on a thread that may sleep. What
/// cannot be read keeps its default, except for what is then known to be missing.
machine_facts read_machine_facts(const std::string& root = {});

/// A container that may mount (by its own spec) can remove nodes of the machine's /dev, and the runtime needs this one:
/// makes `<root>/dev/null` again if it is gone. True if it was.
bool restore_null_device(const std::string& root = {});

}  // namespace vminit::runc

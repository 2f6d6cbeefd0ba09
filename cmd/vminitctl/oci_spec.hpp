// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capability_list.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

/// OCI documents (runtime-spec 1.0.2) made from what a person asks for.
namespace vminit::vminitctl {

struct user_ids {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

/// `1000` or `1000:100`; numbers only, because the names are in a rootfs that we do not see. Errors: invalid_argument,
/// which says so of a name.
result<user_ids> parse_user(std::string_view text);

/// What a process is started with: init of a container, or an exec.
struct process_options {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  ///< `K=V`, or `K` for our own value of it; PATH is added if missing
    std::string working_directory;         ///< empty = /
    std::optional<user_ids> user;          ///< none = 0:0
    bool terminal = false;
};

/// NAME=VALUE, as the document has it.
struct annotation {
    std::string name;
    std::string value;
};

struct resource_options {
    std::optional<std::uint64_t> memory;  ///< bytes
    std::optional<std::uint32_t> cpu_thousandths;
    std::optional<std::uint32_t> pids;

    bool is_empty() const noexcept { return !memory && !cpu_thousandths && !pids; }
};

enum class pid_namespace { own, host };
enum class root_access { writable, read_only };

/// How much of the VM a container may have.
enum class privilege {
    as_said,  ///< by its document; ours keeps nothing back
    full,     ///< every capability and device; nothing masked, read-only or filtered
};

struct spec_options {
    std::string id;
    std::optional<boost::json::object> document;  ///< of one's own (spec_file.hpp), which the others then only change
    process_options process;
    capability_options capabilities;
    privilege rights = privilege::as_said;
    resource_options resources;
    std::string hostname;  ///< empty = the document's; ours has the id
    std::vector<annotation> annotations;
    std::vector<system::mount_entry> mounts;  ///< beside the document's
    pid_namespace pids = pid_namespace::own;
    root_access root = root_access::writable;
};

/// An OCI Process, as `Task.Exec` takes it. It has every capability: the VM is the boundary.
boost::json::object make_process(const process_options& options);

/// `linux.resources`, as `Task.Update` takes it: only what is set.
boost::json::object make_resources(const resource_options& options);

/// config.json. Ours has its own mount, ipc, uts and (unless `host`) pid namespaces; network and cgroups are the VM's.
/// One's own keeps what no option changes; its root is the container's rootfs.
boost::json::object make_spec(const spec_options& options);

}  // namespace vminit::vminitctl

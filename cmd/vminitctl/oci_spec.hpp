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
#include "process_limit.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

/// OCI documents (runtime-spec 1.0.2) made from what a person asks for.
namespace vminit::vminitctl {

/// NAME, UID, NAME:GROUP, UID:GID or :GROUP. What the names stand for is in a rootfs that only the guest sees. Errors:
/// invalid_argument for what is none of these, and for a number that is none of a user.
result<std::string> parse_user(const std::string& text);

/// What a process is started with: init of a container, or an exec.
struct process_options {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  ///< `K=V`, or `K` for our own value of it; PATH is added if missing
    std::string working_directory;         ///< empty = /
    std::string user;                      ///< as `parse_user` has it; empty = 0:0
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

/// What PID 1 of a container is.
enum class first_process {
    command,      ///< the command line itself
    guests_init,  ///< vminitd, which starts it, passes signals on and collects orphans
};

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
    std::vector<process_limit> limits;  ///< of its init, which others inherit
    std::string hostname;  ///< empty = the document's; ours has the id
    std::vector<annotation> annotations;
    std::vector<system::mount_entry> mounts;  ///< beside the document's
    pid_namespace pids = pid_namespace::own;
    root_access root = root_access::writable;
    first_process first = first_process::command;
};

/// An OCI Process, as `Task.Exec` takes it. It has every capability: the VM is the boundary.
boost::json::object make_process(const process_options& options);

/// The user that the guest must look up for an OCI Process; empty if it has numbers, or no user.
std::string user_name_of(const boost::json::object& process);

/// `linux.resources`, as `Task.Update` takes it: only what is set.
boost::json::object make_resources(const resource_options& options);

/// config.json. Ours has its own mount, ipc, uts and (unless `host`) pid namespaces; network and cgroups are the VM's.
/// One's own keeps what no option changes; its root is the container's rootfs.
boost::json::object make_spec(const spec_options& options);

}  // namespace vminit::vminitctl

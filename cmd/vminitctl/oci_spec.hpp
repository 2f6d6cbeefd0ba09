#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

/// OCI documents (runtime-spec 1.0.2) made from what a person asks for.
namespace vminit::vminitctl {

struct user_ids {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

/// `1000` or `1000:100`; numbers only, because the names are in a rootfs that we do not see. Errors: invalid_argument.
result<user_ids> parse_user(std::string_view text);

/// What a process is started with: init of a container, or an exec.
struct process_options {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  ///< `K=V`, or `K` for our own value of it; PATH is added if missing
    std::string working_directory;  ///< empty = /
    std::optional<user_ids> user;   ///< none = 0:0
    bool terminal = false;
};

struct resource_options {
    std::optional<std::uint64_t> memory;  ///< bytes
    std::optional<std::uint32_t> cpu_thousandths;
    std::optional<std::uint32_t> pids;

    bool is_empty() const noexcept { return !memory && !cpu_thousandths && !pids; }
};

enum class pid_namespace { own, host };
enum class root_access { writable, read_only };

struct spec_options {
    std::string id;
    process_options process;
    resource_options resources;
    std::string hostname;  ///< empty = the id
    std::vector<system::mount_entry> mounts;
    pid_namespace pids = pid_namespace::own;
    root_access root = root_access::writable;
};

/// An OCI Process, as `Task.Exec` takes it. It has every capability: the VM is the boundary.
boost::json::object make_process(const process_options& options);

/// `linux.resources`, as `Task.Update` takes it: only what is set.
boost::json::object make_resources(const resource_options& options);

/// config.json. Own mount, ipc, uts and (unless `host`) pid namespaces; network and cgroups are the VM's.
boost::json::object make_spec(const spec_options& options);

}  // namespace vminit::vminitctl

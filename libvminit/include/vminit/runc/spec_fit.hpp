// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vminit/core/host_dialect.hpp"
#include "vminit/core/result.hpp"
#include "vminit/runc/machine_facts.hpp"
#include "vminit/runc/user_lookup.hpp"

/// Hosts write OCI documents for their own machine. Here they are made to fit this one: what cannot be meant is left
/// out or clamped, with a remark; what protects is kept; what would weaken in silence is an error (docs/security.md has
/// the table). What we do not know stays as it is. All but the functions on bundles are pure.
namespace vminit::runc {

/// The host's limits in `linux.resources`: obeyed, or dropped because the VM is the limit.
enum class resource_limits { keep, drop };

/// What was changed, for the log, in words; bounded.
class remarks {
public:
    static constexpr std::size_t max_lines = 32;  ///< one line of the log holds them all

    void add(std::string line) {
        if (lines_.size() < max_lines) lines_.push_back(std::move(line));
    }
    bool empty() const noexcept { return lines_.empty(); }
    const std::vector<std::string>& lines() const noexcept { return lines_; }

    /// All, separated by `; `.
    std::string text() const;

private:
    std::vector<std::string> lines_;
};

/// How a spec is fitted.
struct fit_options {
    std::string bundle;  ///< relative bind sources are files in here
    spec_policy policy = spec_policy::relax;
    resource_limits limits = resource_limits::keep;
    std::string resolv_conf = "/etc/resolv.conf";  ///< bound in if the policy is relax; empty = not
    user_lookup find_user;                         ///< for a user that has a name and no number; empty = it stays so
};

/// A kernel parameter of the network, for a container that shares the VM's: `/proc/sys` has it at `path`.
struct network_parameter {
    std::string path;
    std::string value;
};

/// A spec that fits this machine, and what was changed.
struct fitted_spec {
    std::string text;
    remarks said;
    std::vector<network_parameter> parameters;  ///< to be set for the VM
    std::string root;                           ///< of the container, in the VM
    bool has_private_pid_namespace = false;
};

/// A `config.json` for this machine. Done again, nothing changes. Errors: invalid_argument for what is not an OCI spec,
/// and for what is refused.
result<fitted_spec> fit_spec(std::string_view config_json, const machine_facts& facts, const fit_options& options);

enum class terminal_mode { none, terminal };

/// A part of a spec that fits this machine, and what was changed.
struct fitted_text {
    std::string text;
    remarks said;
};

/// An OCI Process object (of an exec) for this machine, with `terminal` set as asked. The text stays as it is if
/// nothing had to be changed. Errors: as `fit_spec`.
result<fitted_text> fit_process(std::string_view process_json, terminal_mode terminal, const process_facts& facts);

/// OCI LinuxResources (of an update) for this machine. Errors: as `fit_spec`.
result<fitted_text> fit_resources(std::string_view resources_json, const machine_facts& facts);

/// What fitting a bundle's spec found.
struct fitted_bundle {
    remarks said;
    process_facts facts;  ///< for the execs to come
    std::string root;     ///< of the container, in the VM
    bool has_private_pid_namespace = false;
    std::optional<error> unread;  ///< the spec could not be read and is as it was: the runtime judges it
};

/// Rewrites `<bundle>/config.json` with `fit_spec` for this machine, atomically, and sets the network's parameters
/// (what cannot be set is a remark). For a thread that may sleep. Errors: of what is refused, and of writing.
result<fitted_bundle> fit_bundle(const fit_options& options);

}  // namespace vminit::runc

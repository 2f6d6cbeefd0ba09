#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

/// Edits of OCI JSON documents. What we do not know stays as it is.
namespace vminit::runc {

/// The host's limits in `linux.resources`: obeyed, or dropped because the VM is the limit.
enum class resource_limits { keep, drop };

struct relax_options {
    std::string bundle;  ///< relative bind sources are files in here
    resource_limits limits = resource_limits::keep;
    std::string resolv_conf = "/etc/resolv.conf";  ///< bound into the container; empty = not
};

/// `config.json` made fit for a container whose boundary is the VM: all devices allowed and the VM's /dev, no masked or
/// read-only paths, no seccomp, the VM's resolv.conf. Errors: invalid_argument for what is not an OCI spec.
result<std::string> relax_spec(std::string_view config_json, const relax_options& options);

/// True if the container gets a pid namespace of its own: `linux.namespaces` has a `pid` entry without a path. False
/// also for a document that cannot be read: then its processes must be killed one by one.
bool has_private_pid_namespace(std::string_view config_json);

/// The same for `<bundle>/config.json`.
bool bundle_has_private_pid_namespace(const std::string& bundle);

struct bundle_facts {
    bool has_private_pid_namespace = false;  ///< as `bundle_has_private_pid_namespace` says
};

/// Rewrites `<bundle>/config.json` with `relax_spec`, atomically, and says what was in it. `options.bundle` names the
/// bundle; a resolv.conf that does not exist is left out, because the runtime would fail to bind it. Errors: errno of
/// the file, or as `relax_spec`.
result<bundle_facts> relax_bundle(const relax_options& options);

enum class terminal_mode { none, terminal };

/// An OCI Process object with `terminal` set as asked. Errors: invalid_argument if it is not a JSON object.
result<std::string> with_terminal(std::string_view process_json, terminal_mode mode);

/// Errors: invalid_argument if `text` is not a JSON object. For what is only passed on (update's resources).
result<void> check_json_object(std::string_view text, std::string_view what);

}  // namespace vminit::runc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/supervisor/restart_policy.hpp"

namespace vminit::supervisor {

/// What a service waits for before its binary is looked up and started.
enum class start_trigger {
    at_once,
    extras,  ///< `extras_ready()`, or `service_spec::extras_wait` without it
    rootfs,  ///< the first `rootfs_ready(path)`
};

/// The words of `supervisor.start=`: "at_once", "extras", "rootfs"; nothing for any other.
std::optional<start_trigger> parse_start_trigger(std::string_view text) noexcept;

/// PATH of every supervised process. With `service_spec::environment` it is the whole environment.
inline constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One service to supervise. Paths are absolute; `supervisor_config::root` is put in front of them.
struct service_spec {
    std::string name;                   ///< an identifier; also the name of its cgroup
    std::vector<std::string> binaries;  ///< the first that is a regular file is started; none is: the service is absent
    std::vector<std::string> arguments;    ///< after argv[0], which is the binary's path
    std::vector<std::string> environment;  ///< `KEY=value` each, after PATH

    start_trigger trigger = start_trigger::at_once;
    clock::duration extras_wait = std::chrono::seconds(2);
    std::string rootfs_variable;  ///< is set to the path of `rootfs_ready`; empty = not passed on

    restart_mode restart = restart_mode::always;
    restart_limits limits;
    clock::duration stop_limit = std::chrono::seconds(1);  ///< from SIGTERM to SIGKILL

    std::optional<mode_t> binary_mode;             ///< given to the binary before each start
    std::string pid_file;                          ///< `<pid>\n`, 0644, while it runs; empty = none
    std::string log_file;                          ///< takes stdout and stderr; empty = /dev/null
    std::size_t log_limit = std::size_t{1} << 20;  ///< bytes of `log_file`, and again of the one older `log_file`.1

    bool has_cgroup = true;                     ///< an own cgroup v2; where there is none it runs in ours
    std::optional<std::uint64_t> memory_limit;  ///< bytes, memory.max of its cgroup
    std::optional<uid_t> uid;                   ///< of the process; files and cgroup stay ours
    std::optional<gid_t> gid;
};

/// The supervisor agent of the VM: discovery, files and policy as the host expects them. `trigger` is `extras`, or
/// `rootfs` to run it with `SPINBOX_OVERLAY_ROOT` beside the first container.
service_spec spin_supervisor_spec(start_trigger trigger = start_trigger::extras);

/// Smaller logs would be rotated at every few lines.
inline constexpr std::size_t min_log_limit = 4096;

/// Errors: invalid_argument naming what is wrong: no identifier as name, no binary, a relative path, an environment
/// entry without `=`, a log limit under `min_log_limit`.
result<void> validate(const service_spec& spec);

}  // namespace vminit::supervisor

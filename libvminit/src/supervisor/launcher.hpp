// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "supervisor/service_cgroup.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/reaper/child.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/supervisor/service_spec.hpp"

namespace vminit::supervisor {

struct supervisor_config;

/// Turns a specification into a process: binary, environment, cgroup, pid file.
///
/// Only a start that fails is an error. What is merely missing around it (no cgroup, no pid file) is logged here, and
/// the service runs without.
class launcher {
public:
    /// `config` and `spec` outlive the launcher.
    launcher(asio::io_context& context, const supervisor_config& config, const service_spec& spec);

    /// The first of the specification's binaries that is a regular file; empty if none is.
    std::string find_binary() const;

    /// `binary` has the mode that the specification asks for, or is gone.
    bool has_mode(const std::string& binary) const;

    /// Gives it that mode, which waits for a disk at most 2 s. A failure is logged.
    awaitable<void> set_mode(std::string binary);

    /// Starts `binary` with its output going to `output` (borrowed; -1 = /dev/null). `rootfs` is passed on if the
    /// specification has a variable for it. Errors: as `reaper_service::launch`.
    result<reaper::child> start(const std::string& binary, const std::string& rootfs, int output);

    /// The process has ended: its pid file goes.
    void note_ended();

    /// True if there is a cgroup to know by what the service has left behind.
    bool has_cgroup() const;

    /// SIGKILL to what the service has left behind in its cgroup. True when nothing is left. Errors: those of the
    /// `blocking_service`.
    awaitable<result<bool>> kill_leftovers();

    /// No further start: removes the cgroup.
    void clean_up();

private:
    reaper::spawn_options options_for(const std::string& binary, const std::string& rootfs, int output);
    std::vector<std::string> environment(const std::string& rootfs) const;
    std::string usable_cgroup();
    result<reaper::child> launch(reaper::spawn_options options);
    void degraded(std::string_view what, const error& failure);
    std::string on_disk(const std::string& path) const;

    const supervisor_config& config_;
    const service_spec& spec_;
    reaper::reaper_service& reaper_;
    blocking_service& blocking_;
    logger& log_;
    service_cgroup cgroup_;
};

}  // namespace vminit::supervisor

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::reaper {

/// Which job-control unit the new process belongs to.
enum class process_group {
    inherited,    ///< ours
    own,          ///< leader of a new group: `child::signal_group` reaches it and its helpers
    own_session,  ///< setsid(2): a new group as well, and no controlling terminal
};

/// What to start. Descriptors are borrowed for the length of `launch`; nothing else is inherited (everything of ours
/// is O_CLOEXEC). Signals are unblocked and all at their default disposition in the child.
struct spawn_options {
    spawn_options() = default;
    explicit spawn_options(std::string path, std::vector<std::string> argv = {})
        : path(std::move(path)), argv(std::move(argv)) {}

    std::string path;                             ///< with a `/`: used as it is; without: searched in our PATH
    std::vector<std::string> argv;                ///< including argv[0]; empty = {path}
    std::optional<std::vector<std::string>> env;  ///< `KEY=value` each; nullopt = our own environment

    int stdin_fd = -1;  ///< -1 = /dev/null, for all three
    int stdout_fd = -1;
    int stderr_fd = -1;
    std::vector<std::pair<int, int>> extra_fds;  ///< {number in the child (>= 3), our descriptor}

    std::string working_directory;  ///< empty = ours
    process_group group = process_group::inherited;
    int parent_death_signal = 0;  ///< PR_SET_PDEATHSIG; it fires when the launching *thread* ends. 0 = none
    std::optional<uid_t> uid;     ///< with all supplementary groups dropped
    std::optional<gid_t> gid;
    std::vector<std::string> cgroup_procs;  ///< `cgroup.procs` files the child enters before exec; empty = ours
    std::string network_namespace;  ///< the file of one (`/run/netns/x`), entered by the child alone; empty = ours
    bool has_new_network = false;   ///< a network namespace of its own, with a loopback that is down and nothing else
};

/// A process that has just been started: a child of ours that somebody must collect.
struct spawned {
    pid_t pid = -1;
    unique_fd pidfd;
};

/// `name` as it is if it has a `/`, else the first runnable file of that name in our PATH. Errors: errc::not_found.
result<std::string> find_program(const std::string& name);

/// Starts a process and returns when it has exec'ed. For `reaper_service::launch`, which also takes care of the
/// collecting; nobody else calls it.
///
/// Errors: errno with context `fork/exec <path>` (ENOENT, EACCES, ENOEXEC, ...), whether fork, set-up or exec failed;
/// errc::not_found `exec: "<name>": executable file not found in $PATH`. After a failed exec the dead child remains as
/// a zombie that the reaper collects as an unknown pid.
result<spawned> spawn(const spawn_options& options);

}  // namespace vminit::reaper

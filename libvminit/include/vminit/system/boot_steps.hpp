// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "vminit/core/unique_fd.hpp"
#include "vminit/system/boot_plan.hpp"
#include "vminit/system/mount_entry.hpp"
#include "vminit/system/network_settings.hpp"

namespace vminit::system {

enum class mount_condition {
    always,
    unless_in_memory,  ///< only if the target lies on a disk, or on what is read-only
};

/// One filesystem of the boot; `entry.target` is where it goes, made (0755) when missing, on a read-only root
/// in a tmpfs over the closest of its parents.
struct boot_mount {
    mount_entry entry;
    step_policy policy = step_policy::fatal;
    std::size_t optional_options = 0;  ///< so many of its last options are left out, one by one, if the kernel says EINVAL
    mount_condition condition = mount_condition::always;
};

/// The filesystems PID 1 mounts, in order. Those that nothing works without are fatal.
const std::vector<boot_mount>& boot_mounts();

/// What PID 1 does before all else, one after the other: `console`, `proc`, `console-again`. None is fatal.
///
/// For PID 1 of a VM, like the other plans; anything else must not run them (they mount over the caller's tree).
boot_plan vm_entry_plan();

/// What containers need, for `run_boot_graph`: `process-limits`, `move-root`, `kernel-modules` (what the kernel needs for
/// vsock), `mount-filesystems`, `dev-nodes`, `null-device`, `cgroup-control`, `etc-files`, `kernel-settings`,
/// `loopback`. Only `mount-filesystems` is fatal. In an order in which `run_boot` can run it, too.
boot_plan vm_boot_plan();

/// What comes after that: `late-modules`, the rest of the modules. Devices may appear and filesystem types become known
/// only then; `mount_filesystem` waits for it by itself.
boot_plan vm_late_plan();

/// The steps of the plans, each on its own, for plans of your own and for tests. All of them block.
namespace steps {

/// Without open descriptors 0-2 (a kernel without DEVTMPFS_MOUNT starts PID 1 so): mounts /dev, opens /dev/console
/// for all three.
result<void> open_console(step_notes& notes);

/// Like `open_console`, if that found no console and took /dev/null: its driver may have been a module.
result<void> open_console_again(step_notes& notes);

/// Whether 0 to 2 are something else than the /dev/null that `open_console` takes.
bool has_console() noexcept;

/// Makes `console` the descriptors 0 to 2.
result<void> use_console(const unique_fd& console);

/// Mounts /proc, for the steps beside which the other filesystems are mounted.
result<void> mount_proc(step_notes& notes);

/// finit_module(2) of the paths in `list`, in order, up to the last one that serving needs (its name says `vsock`; all,
/// if none does); the rest is left for `load_other_modules`. A missing list is nothing to do, each failure a note. A
/// module that is loaded already is fine. `cmdline` is the file with the kernel command line: its words
/// `<module>.<parameter>[=<value>]` are passed on to the module; one that does not load with them is loaded without.
result<void> load_serving_modules(const std::string& list, const std::string& cmdline, step_notes& notes);

/// What `load_serving_modules` has left. May be called from several threads: the others wait until it is done. On the
/// initial ramfs the files of loaded modules are then removed, which frees their memory.
result<void> load_other_modules(step_notes& notes);

/// Makes / a mount that pivot_root(2) accepts, if it is the kernel's initial ramfs (else does nothing).
result<void> move_root(step_notes& notes);

/// Makes propagation private, then mounts `mounts`; "already mounted" (EBUSY) is success.
result<void> mount_all(const std::vector<boot_mount>& mounts, step_notes& notes);

/// /dev/fuse and the links fd, stdin, stdout, stderr, ptmx below `dev`, each only if missing.
result<void> make_dev_nodes(const std::string& dev, step_notes& notes);

/// Enables cpu, cpuset, io, memory and pids for the children of the cgroup directory `root`: those in its
/// cgroup.controllers, each by itself.
result<void> enable_controllers(const std::string& root, step_notes& notes);

/// `root`/run/vminitd/features.json and `root`/etc; `root` is empty but in tests.
result<void> write_files(const std::string& root, step_notes& notes);

/// Lets programs find resolv.conf in `root`/etc if `network` names servers or domains, or else an empty one if there is
/// none; and hosts if there is none. The problems of `network` become notes. Written in place if /etc is in memory, else
/// to `root`/run/vminitd and bound over what is in /etc. Before the first container: it gets a bind mount of resolv.conf,
/// which would not follow.
result<void> write_name_files(const parsed_network& network, const std::string& root, step_notes& notes);

/// The resolv.conf for containers.
std::string container_resolv_conf(const std::string& root = {});

/// ctrl-alt-del becomes SIGINT to PID 1; the host name (`ip=` on the kernel command line, else `localhost`).
result<void> apply_kernel_settings(step_notes& notes);

/// Sets `lo` up: the kernel gives it 127.0.0.1/8 and ::1.
result<void> raise_loopback(step_notes& notes);

/// `protection::apply`. The kernel's own memory protection needs no step: PID 1 stays in the root cgroup, which has no
/// memory.min because nothing can be reclaimed from it by a limit.
result<void> protect_process(step_notes& notes);

}  // namespace steps
}  // namespace vminit::system

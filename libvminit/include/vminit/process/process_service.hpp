// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/host_dialect.hpp"
#include "vminit/core/result.hpp"
#include "vminit/process/cgroup_metrics.hpp"
#include "vminit/process/kept_output.hpp"
#include "vminit/process/process_state.hpp"
#include "vminit/process/stdio_uri.hpp"
#include "vminit/runc/rootfs.hpp"
#include "vminit/runc/runc_service.hpp"
#include "vminit/runc/spec_fit.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::process {

class process_core;

/// `containerd.runc.v1.Options` as far as it concerns us.
struct runtime_options {
    bool no_pivot_root = false;
    bool no_new_keyring = false;
    bool systemd_cgroup = false;  ///< only written down: there is no systemd here
    std::uint32_t io_uid = 0;
    std::uint32_t io_gid = 0;
    std::string binary_name;  ///< a file of the host's; used if we have it too, else the service's
    std::string root;         ///< empty = the service's
    std::string shim_cgroup, criu_image_path, criu_work_path;  ///< only written down in options.json
};

/// What Create is asked for. `id` is the container's.
struct create_request {
    create_request() = default;

    std::string id;
    std::string bundle;  ///< absolute
    std::vector<system::mount_entry> rootfs;
    stdio_uris stdio;
    std::string checkpoint;
    std::string parent_checkpoint;
    runtime_options options;
};

/// What Exec is asked for: one more process in the container `id`.
struct exec_request {
    exec_request() = default;

    std::string id;
    std::string exec_id;
    stdio_uris stdio;
    std::string spec_json;  ///< OCI Process object
};

/// What Checkpoint is asked for: the container `id` into the directory `path`. The flags are those of the runtime.
struct checkpoint_request {
    checkpoint_request() = default;

    std::string id;
    std::string path;
    bool exit = false;  ///< the container ends with it
    bool open_tcp = false, external_unix_sockets = false, terminal = false, file_locks = false;
    std::vector<std::string> empty_namespaces;
    std::string cgroups_mode, image_path, work_path, parent_path;
};

/// What is known of an init or an exec at one moment.
struct process_snapshot {
    std::string id;  ///< the exec id for an exec
    std::string bundle;
    std::uint32_t pid = 0;
    process_status status = process_status::unknown;
    stdio_uris stdio;
    std::uint32_t exit_status = 0;
    std::optional<wall_time> exited_at;
};

/// A container, for those who do not know its id.
struct container_summary {
    process_snapshot init;
    bool is_created = false;  ///< else Create has not ended
    wall_time created_at;     ///< when Create was asked for
    std::string rootfs;       ///< source of the first mount of its root; empty without mounts
    std::size_t execs = 0;    ///< added and not deleted
};

/// What is there now, and what went through so far.
struct process_counters {
    std::size_t containers = 0;  ///< those that are being created included
    std::size_t execs = 0;       ///< added and not deleted
    std::uint64_t input_bytes = 0;
    std::uint64_t output_bytes = 0;
};

/// A process in a container, as Pids tells it.
struct process_info {
    process_info() = default;
    process_info(std::uint32_t pid, std::string exec_id) : pid(pid), exec_id(std::move(exec_id)) {}

    std::uint32_t pid = 0;
    std::string exec_id;  ///< empty for init and for what containers started themselves

    friend bool operator==(const process_info&, const process_info&) = default;
};

/// How long things may take before we go on without them. Each has a default that hosts can live with.
struct process_limits {
    clock::duration mount = std::chrono::seconds(90);  ///< for a rootfs, or to open a file; longer than a freeze
    clock::duration held_output =
        std::chrono::seconds(2);  ///< after an exit: descendants keep the pipe open, or the host does not read
    clock::duration removed_exit = std::chrono::seconds(5);       ///< for init to die of `delete --force`
    clock::duration late_input = std::chrono::milliseconds(100);  ///< CloseIO: stdin ends after this long a silence
    clock::duration absent_reader = std::chrono::minutes(10);     ///< after Delete: for a host that takes no output
    clock::duration logger_exit = std::chrono::seconds(12);       ///< for a binary logger after SIGTERM, then SIGKILL
};

/// How the service treats containers; what is not set is as for a guest that vminitd runs in.
struct process_config {
    process_config() = default;

    host_dialect dialect;
    process_limits limits;
    runc::resource_limits resource_limits = runc::resource_limits::keep;
    bool fits_spec = true;  ///< rewrite config.json at Create (runc/spec_fit.hpp), by the dialect's policy
    bool no_pivot = false;  ///< for a root that is still the initramfs
    /// The VM's resolv.conf, asked for at each Create.
    std::function<std::string()> resolv_conf = [] { return std::string("/etc/resolv.conf"); };
    std::string cgroup_root = "/sys/fs/cgroup";
    std::string proc = "/proc";
    /// Bundles directly below are removed with their container or its failed Create; empty: none is.
    std::string bundles;
    runc::serial_resolver resolve_serial;  ///< empty: `serial:` sources fail with not_found

    /// Called with `<bundle>/rootfs` after a container's rootfs has been mounted, before its runtime is started.
    std::function<void(const std::string& container_id, const std::string& rootfs)> on_rootfs_mounted;
};

/// The containers of this VM and their processes: what containerd's Task API talks about, without the wire.
///
/// Every call that names a container: not_found `container not created` if there is none; one that names an exec:
/// not_found `process does not exist <exec_id>`. Wrong-state calls: failed_precondition with containerd's texts
/// (process_state.hpp). An empty `exec_id` is the init process. Arguments are values; calls may be cancelled (the
/// runtime is then killed and what was begun is undone) and may run beside each other: `state` never waits, calls on
/// different processes do not wait for each other.
///
/// Events go to `events::exchange_service`, each exactly once, before the state they tell of can be seen.
class process_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    static constexpr std::size_t max_containers = 1024;  ///< a VM holds one or a few
    static constexpr std::size_t max_execs_per_container =
        1024;  ///< added and not deleted; a host that never deletes must not grow us

    explicit process_service(asio::execution_context& context);
    process_service(asio::execution_context& context, process_config config);
    ~process_service() override;

    /// Makes the container; its init waits for `start`. Returns init's pid. The id is taken from the first moment: a
    /// second caller gets already_exists `container <id> already exists` at once. On failure everything is undone in
    /// reverse, and the bundle is removed if it lies directly in `process_config::bundles` and no other container uses
    /// it: the same id can be made again from the start.
    ///
    /// Errors: invalid_argument for an id, a bundle or a runtime root that is no name or place; failed_precondition
    /// `bundle <b> is used by container <id>`; not_found `bundle <b>` when it is not there; the runtime's own text.
    awaitable<result<std::uint32_t>> create(create_request request);

    /// For a Create that was refused before it came here: what `create` does with the bundle when it fails.
    awaitable<void> drop_bundle(std::string bundle);

    awaitable<result<std::uint32_t>> start(std::string id, std::string exec_id);

    /// Delete. Output is drained before (bounded), streams are closed, mounts undone, the id is free again. A created
    /// container is killed and its exit awaited. A failed delete can be repeated. Of the time until
    /// `answer_by`, when the caller stops waiting, the output may take half.
    awaitable<result<process_exit>> remove(std::string id, std::string exec_id,
                                           std::optional<clock::time_point> answer_by = std::nullopt);

    /// Adds an exec; nothing runs before its `start`.
    awaitable<result<void>> exec(exec_request request);

    awaitable<result<void>> kill(std::string id, std::string exec_id, std::uint32_t signal, runc::kill_scope scope);

    /// The exit, whenever it comes or came. Cancellable: `cancelled`.
    awaitable<result<process_exit>> wait(std::string id, std::string exec_id);

    result<process_snapshot> state(const std::string& id, const std::string& exec_id) const;

    /// Where the root of a container is: as its init sees it, or as it left it. What is opened there is its root only
    /// if this is the same afterwards: the number of an init that has ended may soon be another's.
    result<std::string> root_path(const std::string& id) const;

    /// The directory of a container's init in procfs, with the same care. Errors: failed_precondition unless it runs.
    result<std::string> proc_path(const std::string& id) const;

    /// The directory of a container's cgroup, as the runtime made it. Errors: failed_precondition unless it runs, and
    /// where it has none.
    result<std::string> cgroup_path(const std::string& id) const;

    /// What is kept of a process's output. Errors: failed_precondition if nothing is.
    result<std::shared_ptr<kept_output>> log_of(const std::string& id, const std::string& exec_id) const;

    /// What comes on the stream `uri` (`stream://<id>`) is the input of a process made with stdin attach://, until that
    /// stream's end. Errors: already_exists while somebody is attached; failed_precondition for another process, one
    /// that has ended, and one whose input is closed; invalid_argument and not_found of the stream.
    result<void> attach_input(const std::string& id, const std::string& exec_id, const std::string& uri);

    std::optional<std::uint32_t> init_pid(const std::string& id) const;
    awaitable<result<std::vector<process_info>>> pids(std::string id);
    awaitable<result<void>> resize(std::string id, std::string exec_id, std::uint32_t width, std::uint32_t height);

    /// Closes the process's stdin after what has already arrived; that of an exec that has not been started once it is.
    /// Idempotent; success without stdin. A terminal has no end of input: the host's bytes are no longer read.
    awaitable<result<void>> close_io(std::string id, std::string exec_id);

    /// Errors: not_found `cgroup does not exist`.
    awaitable<result<cgroup_metrics>> stats(std::string id);
    awaitable<result<void>> update(std::string id, std::string resources_json);
    awaitable<result<void>> pause(std::string id);
    awaitable<result<void>> resume(std::string id);
    awaitable<result<void>> checkpoint(checkpoint_request request);

    /// All containers, those that are being created included, by id.
    std::vector<container_summary> containers() const;

    std::size_t container_count() const noexcept;
    process_counters counters() const noexcept;
    const host_dialect& dialect() const noexcept;

    /// For power-off: refuses new containers and execs, kills every container's processes through their cgroups and
    /// waits until their exits are told, at most `limit`. Idempotent.
    awaitable<void> kill_all(clock::duration limit);

private:
    void shutdown() noexcept override;

    std::shared_ptr<process_core> core_;
};

}  // namespace vminit::process

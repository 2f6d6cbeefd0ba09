// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/runc/pid_file.hpp"

namespace vminit::runc {

/// One container as the runtime knows it.
struct runtime_ref {
    runtime_ref() = default;
    runtime_ref(std::string id, std::string bundle) : id(std::move(id)), bundle(std::move(bundle)) {}

    std::string id;
    std::string bundle;           ///< absolute
    std::string root;             ///< `--root`; empty = the service's
    std::string binary;           ///< empty = the service's; without `/` searched in PATH
};

/// What the runtime, and so the container, gets as stdin, stdout and stderr. Borrowed until the call returns; -1 means
/// /dev/null.
struct stdio_fds {
    stdio_fds() = default;
    stdio_fds(int in, int out, int err) noexcept : in(in), out(out), err(err) {}

    int in = -1;
    int out = -1;
    int err = -1;
};

/// What `create` is called with.
struct create_options {
    create_options() = default;
    explicit create_options(runtime_ref container) : container(std::move(container)) {}

    runtime_ref container;
    stdio_fds stdio;             ///< unused with a console socket: then the runtime's own output is captured
    std::string console_socket;  ///< path for `--console-socket`; empty = no terminal
    bool no_pivot = false;
    bool no_new_keyring = false;
};

/// What `exec` is called with.
struct exec_options {
    exec_options() = default;
    exec_options(runtime_ref container, std::string exec_id, std::string process_json)
        : container(std::move(container)), exec_id(std::move(exec_id)), process_json(std::move(process_json)) {}

    runtime_ref container;
    std::string exec_id;       ///< a valid identifier: it names the pid file
    std::string process_json;  ///< OCI Process object, `terminal` already right
    stdio_fds stdio;
    std::string console_socket;
};

/// `criu_*` as in the runtime's own flags; empty strings and false leave the flag out.
struct checkpoint_options {
    checkpoint_options() = default;
    explicit checkpoint_options(runtime_ref container) : container(std::move(container)) {}

    runtime_ref container;
    std::string image_path, work_path, parent_path;
    std::string page_server, cgroups_mode;
    std::vector<std::string> empty_namespaces;
    bool open_tcp = false, external_unix_sockets = false, terminal = false, file_locks = false;
    bool lazy_pages = false, leave_running = false;
};

enum class kill_scope { one, all };
enum class remove_mode { normal, force };

/// `state <id>`, the fields both runtimes print.
struct runtime_state {
    std::string id;
    std::string status;  ///< creating, created, running, stopped, paused
    std::string bundle;
    pid_t pid = 0;
};

/// How long each operation may take before the runtime's process group is killed. Generous: a limit is for a runtime
/// that hangs, not for a slow one.
struct time_limits {
    clock::duration create = std::chrono::seconds(60);
    clock::duration start = std::chrono::seconds(60);
    clock::duration exec = std::chrono::seconds(60);
    clock::duration remove = std::chrono::seconds(60);
    clock::duration kill = std::chrono::seconds(10);
    clock::duration checkpoint = std::chrono::minutes(10);  ///< writes the container's memory to disk
    clock::duration query = std::chrono::seconds(30);       ///< ps, state, update, pause, resume
    clock::duration bundle = std::chrono::seconds(90);      ///< to touch a file of a bundle; longer than a freeze
};

/// Which runtime, and where it works.
struct runc_config {
    /// `binary` from SPINBOX_OCI_RUNTIME, else /sbin/crun; `temp_directory` from XDG_RUNTIME_DIR, TMPDIR, else /tmp.
    runc_config();

    std::string binary;
    std::string root = "/run/runc";
    std::string temp_directory;  ///< for the process.json files
    std::string bundles_in_memory;  ///< bundles below it wait for no disk, as on a tmpfs; empty: none
    bool debug = true;           ///< `--debug`
    time_limits limits;
    std::optional<std::vector<std::string>> env;  ///< nullopt = ours without NOTIFY_SOCKET
};

/// Drives the OCI runtime binary; every operation is one child process and never blocks the loop.
///
/// Failures carry the text hosts know (`OCI runtime create failed: <runtime's last error>`), kind `unknown` unless said
/// otherwise; `deadline_exceeded` when the time limit killed the runtime. Every operation can be cancelled: the
/// runtime's process group is killed and collected, and the outcome is `cancelled`. Operations on one container may
/// overlap. To adopt what `create` and `exec` started, take a `reaper::start_hold` before and keep it until the
/// adoption.
class runc_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit runc_service(asio::execution_context& context);
    runc_service(asio::execution_context& context, runc_config config);
    ~runc_service() override;

    const runc_config& config() const noexcept { return config_; }

    /// Creates the container; its init waits for `start`. A stale pid file is removed before; then `init_pid_file`
    /// holds it.
    awaitable<result<void>> create(create_options options);
    awaitable<result<void>> start(runtime_ref container);

    /// Runs a further process, detached; then `exec_pid_file` holds its pid. It may already be dead.
    awaitable<result<void>> exec(exec_options options);

    /// Errors: not_found `process already finished` or `no such container`, else `unknown error after kill: ...`.
    awaitable<result<void>> kill(runtime_ref container, int signal, kill_scope scope);

    /// SIGKILL to everything in the container, as after init's exit. Nothing left to kill is success.
    /// Errors: `OCI runtime killall failed: ...`.
    awaitable<result<void>> kill_all(runtime_ref container);

    /// `delete`. A container that is gone already is success. Errors: `failed to delete task: ...`.
    awaitable<result<void>> remove(runtime_ref container, remove_mode mode);

    /// The container's pids as we see them.
    awaitable<result<std::vector<pid_t>>> ps(runtime_ref container);
    awaitable<result<runtime_state>> state(runtime_ref container);

    /// `resources_json`: an OCI LinuxResources object.
    awaitable<result<void>> update(runtime_ref container, std::string resources_json);
    awaitable<result<void>> pause(runtime_ref container);
    awaitable<result<void>> resume(runtime_ref container);
    awaitable<result<void>> checkpoint(checkpoint_options options);

    /// First line of `--version`.
    awaitable<result<std::string>> version();

    /// What `features` prints: a JSON object (OCI runtime-spec, features.md). Errors: not_implemented for a runtime
    /// without that command, internal if its answer is no object or longer than `max_features`.
    awaitable<result<std::string>> features();
    static constexpr std::size_t max_features = std::size_t{64} << 10;  ///< five times what runc 1.1 prints

    static std::string init_pid_file(const std::string& bundle) { return bundle + "/init.pid"; }
    static std::string exec_pid_file(const std::string& bundle, const std::string& exec_id) {
        return bundle + "/" + exec_id + ".pid";
    }

    /// Runs `job`, which touches files of `bundle`, in the files lane within `limits.bundle`; in place, in this turn of
    /// the loop, if the bundle is in memory. Errors: those of the job and of the lane, deadline_exceeded.
    awaitable<result<void>> in_bundle(std::string bundle, std::function<result<void>()> job);

    /// The pid that the runtime has left in the file `path` of `bundle`, read as by `in_bundle`.
    awaitable<result<pid_t>> read_pid(std::string bundle, std::string path);

    /// Now: runtime processes in flight.
    std::size_t running() const noexcept;

private:
    awaitable<result<void>> forget_pid_file(std::string bundle, std::string path);
    void shutdown() noexcept override;

    class driver;
    runc_config config_;
    std::unique_ptr<driver> driver_;
};

}  // namespace vminit::runc

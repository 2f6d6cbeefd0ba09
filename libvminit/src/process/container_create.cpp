// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "process/own_places.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/spawn.hpp"
#include "vminit/runc/oci_spec.hpp"
#include "vminit/runc/spec_fit.hpp"
#include "vminit/system/cleanup.hpp"

namespace vminit::process {

namespace {

// How long a half-made init may take to die of `delete --force`: it is parked in the runtime's code.
constexpr auto aborted_init_limit = std::chrono::seconds(2);

// As containerd's shim writes it: proto names, zero values left out.
std::string options_json(const runtime_options& options) {
    boost::json::object json;
    if (options.no_pivot_root) json["no_pivot_root"] = true;
    if (options.no_new_keyring) json["no_new_keyring"] = true;
    if (!options.shim_cgroup.empty()) json["shim_cgroup"] = options.shim_cgroup;
    if (options.io_uid != 0) json["io_uid"] = options.io_uid;
    if (options.io_gid != 0) json["io_gid"] = options.io_gid;
    if (!options.binary_name.empty()) json["binary_name"] = options.binary_name;
    if (!options.root.empty()) json["root"] = options.root;
    if (options.systemd_cgroup) json["systemd_cgroup"] = true;
    if (!options.criu_image_path.empty()) json["criu_image_path"] = options.criu_image_path;
    if (!options.criu_work_path.empty()) json["criu_work_path"] = options.criu_work_path;
    return boost::json::serialize(json);
}

runc::runtime_ref make_ref(const std::string& id, const std::string& bundle, const runtime_options& options) {
    runc::runtime_ref ref(id, bundle);
    ref.root = options.root;
    return ref;
}

}  // namespace

awaitable<result<std::uint32_t>> container::create(create_request request, std::shared_ptr<abandonment> abandoned) {
    options_ = request.options;
    if (!request.rootfs.empty()) rootfs_source_ = request.rootfs.front().source;
    ref_ = make_ref(id_, bundle_, options_);
    if (options_.systemd_cgroup) context_->log.info("cgroups are made without systemd", {{"id", id_}});
    init_ = std::make_shared<init_process>(context_->ex(), id_, request.stdio);
    auto outcome = co_await caught(create_steps(std::move(request), std::move(abandoned)));
    if (outcome) co_return outcome;
    succeeds([&] { context_->log.info("container could not be created", {{"id", id_}, {"error", outcome.error()}}); });
    co_await roll_back();
    co_return outcome;
}

// Hosts name the runtime of their own machine. Today's guests never look at it, so that a name we do not have is no
// reason to fail.
awaitable<void> container::choose_runtime() {
    if (options_.binary_name.empty()) co_return;
    auto job = [wanted = options_.binary_name]() -> result<std::string> {
        auto found = reaper::find_program(wanted);
        if (found && ::access(found->c_str(), X_OK) != 0) return error(errc::not_found, wanted);
        return found;
    };
    auto looking = context_->blocking.run(blocking_lane::files, std::move(job), "look for " + options_.binary_name);
    auto found = co_await with_timeout(std::move(looking), context_->config.limits.mount, "looking for the runtime");
    if (found) {
        ref_.binary = std::move(*found);
    } else {
        context_->log.info("runtime of the request is not here", {{"id", id_}, {"binary", options_.binary_name}});
    }
}

awaitable<result<std::uint32_t>> container::create_steps(create_request request,
                                                         std::shared_ptr<abandonment> abandoned) {
    co_await choose_runtime();
    auto prepared = co_await prepare_bundle(request.rootfs);
    if (!prepared) co_return prepared.error();
    auto fitted = co_await prepare_spec();
    if (!fitted) co_return fitted.error();
    if (abandoned->is_told()) co_return error(errc::cancelled, "create");
    auto opened = co_await open_io(init_);
    if (!opened) co_return opened.error();
    auto hold = context_->reaper.hold();
    auto is_taken = co_await is_state_taken();
    if (!is_taken) co_return is_taken.error();
    is_in_runtime_ = !*is_taken;
    auto made = co_await run_create(std::move(abandoned));
    if (!made) {
        co_await kill_half_started(runc::runc_service::init_pid_file(bundle_));
        co_return made.error();
    }
    auto child = co_await adopt(runc::runc_service::init_pid_file(bundle_));
    if (!child) co_return child.error();
    hold.release();
    init_->child = std::move(*child);
    enter_cgroup();
    // Before anybody is told: once they are, nothing may go wrong any more.
    context_->tasks->spawn("init exit", watch_init(shared_from_this()));
    tell_created(request);
    co_return static_cast<std::uint32_t>(init_->child.pid());
}

awaitable<result<void>> container::prepare_bundle(std::vector<system::mount_entry> entries) {
    auto write = [path = bundle_ + "/options.json", text = options_json(options_)] {
        return replace_file(path, text, 0600);
    };
    auto written = co_await context_->runc.in_bundle(bundle_, std::move(write));
    if (!written && written.error().kind() == errc::not_found) co_return error(errc::not_found, "bundle " + bundle_);
    if (!written) co_return written.error();
    has_options_file_ = true;
    if (entries.empty()) co_return result<void>();
    auto mounting =
        runc::mount_rootfs(context_->context, bundle_, std::move(entries), context_->config.resolve_serial);
    auto mounted = co_await with_timeout(std::move(mounting), context_->config.limits.mount, "mounting the rootfs");
    if (!mounted) co_return mounted.error();
    rootfs_ = std::move(*mounted);
    if (context_->config.on_rootfs_mounted) context_->config.on_rootfs_mounted(id_, bundle_ + "/rootfs");
    co_return result<void>();
}

awaitable<result<void>> container::prepare_spec() {
    if (!context_->config.fits_spec) {
        has_private_pids_ = runc::bundle_has_private_pid_namespace(bundle_);
        co_return result<void>();
    }
    runc::fit_options options;
    options.bundle = bundle_;
    options.policy = context_->config.dialect.spec;
    options.limits = context_->config.resource_limits;
    options.resolv_conf = context_->config.resolv_conf();
    options.find_user = runc::find_user_in;
    auto job = [options = std::move(options)] { return runc::fit_bundle(options); };
    auto fitting = context_->blocking.run(blocking_lane::files, std::move(job), "spec of " + id_);
    // It looks into the rootfs, on disks that may not answer.
    auto fitted = co_await with_timeout(std::move(fitting), context_->config.limits.mount, "reading the spec");
    if (!fitted) co_return fitted.error();
    has_private_pids_ = fitted->has_private_pid_namespace;
    process_facts_ = std::move(fitted->facts);
    if (!fitted->root.empty()) root_ = std::move(fitted->root);
    log_remarks("container", fitted->said);
    // The runtime judges the original then.
    if (fitted->unread) context_->log.warn("spec left as it is", {{"id", id_}, {"error", *fitted->unread}});
    co_return result<void>();
}

void container::log_remarks(const std::string& of, const runc::remarks& said) const {
    if (said.empty()) return;
    context_->log.info("spec made to fit", {{"id", id_}, {"of", of}, {"changes", said.text()}});
}

awaitable<result<void>> container::run_create(std::shared_ptr<abandonment> abandoned) {
    runc::create_options options(ref_);
    options.no_pivot = options_.no_pivot_root || context_->config.no_pivot;
    options.no_new_keyring = options_.no_new_keyring;
    runtime_call call = [service = &context_->runc, options](runc::stdio_fds stdio, std::string console_socket) {
        auto complete = options;
        complete.stdio = stdio;
        complete.console_socket = std::move(console_socket);
        return service->create(std::move(complete));
    };
    co_return co_await run_runtime(init_, std::move(call), std::move(abandoned));
}

// Event first, then the state, in the turn of the loop in which the watch for init's exit has begun, however long ago
// that exit was.
void container::tell_created(const create_request& request) noexcept {
    auto pid = static_cast<std::uint32_t>(init_->child.pid());
    succeeds([&] {
        events::task_create event;
        event.container_id = id_;
        event.bundle = bundle_;
        event.rootfs = rootfs_.resolved.empty() ? request.rootfs : rootfs_.resolved;
        event.stdin_uri = request.stdio.in;
        event.stdout_uri = request.stdio.out;
        event.stderr_uri = request.stdio.err;
        event.terminal = request.stdio.terminal;
        event.pid = pid;
        publish(std::move(event));
    });
    init_->state.created(pid);
    is_created_ = true;
    succeeds([&] { context_->log.info("container created", {{"id", id_}, {"pid", pid}}); });
}

// The id's place in the runtime's root. What is there before the runtime has been asked for anything is somebody
// else's: the runtime refuses the id, and undoing this Create must not touch it.
awaitable<result<bool>> container::is_state_taken() {
    auto job = [state = state_directory()]() -> result<bool> {
        struct stat status{};
        auto found = syscalls::check("stat", state, [&] { return ::lstat(state.c_str(), &status); });
        if (!found && found.error().kind() != errc::not_found) return found.error();
        return found.has_value();
    };
    co_return co_await context_->blocking.run(blocking_lane::files, std::move(job), "look at " + state_directory());
}

std::string container::state_directory() const {
    return (ref_.root.empty() ? context_->runc.config().root : ref_.root) + "/" + id_;
}

// Undoes what this Create did, and nothing else. What cannot be undone keeps nothing else from it.
awaitable<void> container::roll_back() {
    if (is_in_runtime_) co_await attempt("runtime state may be left", as_result(delete_by_force()));
    co_await attempt("output may be lost", as_result(drop_io(init_)));
    co_await attempt("rootfs left mounted", unmount());
    co_await attempt("files may be left in the bundle", as_result(clear_bundle()));
}

awaitable<void> container::clear_bundle() {
    if (has_options_file_) co_await erase_in_bundle(context_, bundle_, bundle_ + "/options.json");
    auto pid_file = runc::runc_service::init_pid_file(bundle_);
    if (is_in_runtime_) co_await erase_in_bundle(context_, bundle_, std::move(pid_file));
    co_await remove_own_bundle(context_, bundle_);
}

awaitable<void> container::delete_by_force() {
    auto removed = co_await context_->runc.remove(ref_, runc::remove_mode::force);
    if (!removed) context_->log.debug("nothing to delete", {{"id", id_}, {"error", removed.error()}});
    if (init_->child) {
        (void)init_->child.signal(SIGKILL);
        co_await init_->child.wait_for(aborted_init_limit);
    }
    // A runtime that was killed in the middle leaves a state that it cannot read itself, and the id with it.
    auto job = [state = state_directory()]() -> result<void> { return system::remove_tree(state); };
    auto erased = co_await context_->blocking.run(blocking_lane::mounts, std::move(job), "remove " + state_directory());
    if (!erased) context_->log.warn("runtime state left", {{"id", id_}, {"error", erased.error()}});
}

}  // namespace vminit::process

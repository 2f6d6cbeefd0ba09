// SPDX-License-Identifier: Apache-2.0
#include "sandbox.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "event_topics.hpp"
#include "guest_creation.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::shim {

using namespace std::chrono_literals;
namespace task = containerd::task::v3;

namespace {

constexpr auto call_limit = 60s;      // a call to the guest when the daemon gave none
constexpr auto shutdown_limit = 2s;   // the guest powers off within 0.4 s
constexpr auto give_up_limit = 5s;    // a process that can end does so within that
constexpr unsigned spare_slots = 16;  // members of a pod beyond the first container

source_kind kind_of(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return source_kind::missing;
    if (S_ISREG(status.st_mode))
        return static_cast<std::size_t>(status.st_size) > largest_bundle_file ? source_kind::big_file
                                                                              : source_kind::file;
    return S_ISDIR(status.st_mode) ? source_kind::directory : source_kind::other;
}

std::vector<system::mount_entry> mounts_of(const task::CreateTaskRequest& request) {
    std::vector<system::mount_entry> mounts;
    for (const auto& mount : request.rootfs()) {
        mounts.emplace_back(mount.type(), mount.source(), mount.target(),
                            std::vector<std::string>(mount.options().begin(), mount.options().end()));
    }
    return mounts;
}

// 3 to 2^31: the name's own bytes are random enough, and a collision is refused by the kernel or seen at boot.
std::uint32_t cid_of(const std::string& name) {
    auto hash = std::hash<std::string>()(name);
    return static_cast<std::uint32_t>(0x10000 + hash % 0x7fff0000);
}

}  // namespace

sandbox::sandbox(asio::io_context& context, shim_config config, shim_paths paths, event_publisher& publisher)
    : context_(context),
      config_(std::move(config)),
      paths_(std::move(paths)),
      publisher_(publisher),
      storage_(context, config_, paths_.vm),
      network_(context, paths_.vm),
      cgroup_(context, paths_.vm),
      resources_(context, config_),
      boot_over_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    resources_.before_online([this](vmm::vm_size size) { return limit_on_host(size); });
}

result<std::shared_ptr<shim_container>> sandbox::find(const std::string& id) const {
    auto found = containers_.find(id);
    if (found != containers_.end()) return found->second;
    return error(errc::not_found, "container " + id);
}

result<guest_link::calls> sandbox::guest() const {
    if (!has_vm() || !link_) return error(errc::unavailable, "the VM does not run");
    return link_->connected();
}

std::uint32_t sandbox::next_stream_ids() noexcept {
    auto first = stream_ids_;
    stream_ids_ += 3;
    return first;
}

awaitable<result<std::shared_ptr<shim_container>>> sandbox::create(task::CreateTaskRequest request) {
    if (is_stopping_) co_return error(errc::unavailable, "the VM is being shut down");
    bool has_pod = phase_ == pod_phase::none || phase_ == pod_phase::running;
    if (!has_pod) co_return error(errc::failed_precondition, "the pod does not run");
    auto container = std::make_shared<shim_container>(context_, request.id(), request.bundle(), publisher_);
    container->rootfs = request.rootfs();
    auto [place, is_new] = containers_.try_emplace(request.id(), container);
    if (!is_new) co_return error(errc::already_exists, "container " + request.id());
    auto spec = plan(*container, request);
    stdio_names names{request.stdin(), request.stdout(), request.stderr(), request.terminal()};
    result<void> done = spec ? result<void>() : result<void>(spec.error());
    if (done) done = co_await storage_.prepare(container->storage, mounts_of(request), request.bundle());
    if (done) done = co_await provide_vm(container);
    if (done) done = co_await set_limits(container->id(), container->facts.limits);
    if (done) done = co_await create_in_guest(container, std::move(names), std::move(*spec));
    if (done) sysctls_.add(container->facts.net_sysctls);
    if (done) write_record();
    if (done) co_return container;
    co_await undo_create(container);
    co_return done.error();
}

// For people's tools; nothing here depends on it.
void sandbox::write_record() {
    if (!has_vm()) return;
    vmm::vm_record record;
    record.rpc = vm_->rpc_address().to_string();
    record.streams = vm_->stream_address().to_string();
    record.pid = vm_->pid();
    record.space = publisher_.space();
    for (const auto& [id, container] : containers_) record.containers.push_back(id);
    auto written = replace_file(fmt::format("{}/{}", paths_.vm, vmm::record_name), vmm::to_text(record), 0600);
    if (!written) log_of(context_).warn("the VM cannot be found by others", {{"error", written.error()}});
}

awaitable<void> sandbox::undo_create(std::shared_ptr<shim_container> container) {
    co_await remove(container);
    if (is_empty()) co_await stop();
}

// All that can be decided before anything is made: a refusal costs nothing.
result<guest_spec> sandbox::plan(shim_container& container, const task::CreateTaskRequest& request) {
    auto config_json = read_bundle_file(request.bundle() + "/config.json");
    if (!config_json) return config_json.error();
    if (auto read = read_wishes(container, *config_json); !read) return read.error();
    auto storage = storage_.plan(mounts_of(request));
    if (!storage) return storage.error();
    auto input = spec_input(request.id());
    input.kind_of = kind_of;
    input.pod_files = pod_files_;
    input.share_place = storage_.volume_place(*storage);
    input.share_name = storage->name;
    auto spec = make_guest_spec(*config_json, input);
    if (!spec) return spec;
    storage_.add_volumes(*storage, spec->shares);
    container.storage = std::move(*storage);
    return spec;
}

result<void> sandbox::read_wishes(shim_container& container, std::string_view config_json) {
    auto network = network_wish_of(config_json, config_.network);
    if (!network) return network.error();
    container.network = std::move(*network);
    auto facts = read_spec_facts(config_json);
    if (!facts) return facts.error();
    if (auto agreed = sysctls_.check(facts->net_sysctls); !agreed) return agreed;
    container.facts = std::move(*facts);
    return {};
}

guest_spec_input sandbox::spec_input(const std::string& id) const {
    guest_spec_input input;
    input.id = id;
    input.namespace_path = [this](const std::string& type, const std::string& path) {
        return namespace_in_guest(type, path);
    };
    return input;
}

// The first Create boots, with its disks; others that come meanwhile wait for that, then plug theirs in.
awaitable<result<void>> sandbox::provide_vm(std::shared_ptr<shim_container> container) {
    while (is_booting_) co_await boot_over_.wait();
    if (has_vm()) co_return co_await plug_in(std::move(container));
    if (vm_) co_return error(errc::unavailable, "the VM has ended");
    is_booting_ = true;
    auto booted = co_await boot(std::move(container));
    is_booting_ = false;
    boot_over_.notify_all();
    co_return booted;
}

// On failure `remove` takes out what has been plugged in.
awaitable<result<void>> sandbox::plug_in(std::shared_ptr<shim_container> container) {
    for (std::size_t index = 0; index < container->storage.rootfs.disks.size(); ++index) {
        auto added = co_await vm_->add_disk(container->storage.rootfs.disks[index]);
        if (!added) co_return added;
    }
    auto share = storage_.share_for(container->storage);
    if (share && is_share_lost_)
        co_return error(errc::unavailable, "virtiofsd has ended: nothing is shared with this VM");
    if (!share || has_share_) co_return result<void>();
    has_share_ = true;  // of two that come at once one adds it; the guest waits until it is there
    auto added = co_await vm_->add_share(*share);
    if (!added) has_share_ = false;
    co_return added;
}

vmm::vm_plan sandbox::plan_for(const container_storage& first, vmm::vm_size size) const {
    vmm::vm_plan plan;
    plan.directory = paths_.vm;
    plan.qemu = config_.qemu;
    plan.vsock_device = config_.vsock_device;
    plan.kernel = config_.kernel;
    plan.initrd = config_.initrd;
    for (auto word : words_of(config_.kernel_words)) plan.kernel_words.emplace_back(word);
    plan.accel = config_.accel;
    plan.cpus = size.cpus;
    plan.memory_mib = size.memory_mib;
    plan.most = resources_.most();
    plan.spare_disk_slots = spare_slots;
    plan.guest_cid = cid_of(paths_.vm);
    plan.virtiofsd = storage_.virtiofsd();
    plan.disks = first.rootfs.disks;
    if (auto share = storage_.share_for(first)) plan.shares.push_back(std::move(*share));
    return plan;
}

// Where it counts is a matter of order; that it stays below a limit, where one was asked for, is a condition.
awaitable<result<void>> sandbox::place_on_host(std::string cgroups_path, vmm::vm_size size) {
    if (!config_.has_host_cgroup) co_return result<void>();
    auto placed = co_await cgroup_.prepare(std::move(cgroups_path));
    if (placed) placed = co_await limit_on_host(size);
    if (placed) co_return placed;
    if (config_.host_memory_overhead_mib > 0) co_return placed.error().within("cgroup of the VM");
    log_of(context_).warn("the VM is in no cgroup of its container's", {{"error", placed.error()}});
    co_return result<void>();
}

awaitable<result<void>> sandbox::limit_on_host(vmm::vm_size size) {
    if (config_.host_memory_overhead_mib == 0) co_return result<void>();
    co_return co_await cgroup_.limit_memory((size.memory_mib + config_.host_memory_overhead_mib) << 20);
}

awaitable<result<void>> sandbox::boot(std::shared_ptr<shim_container> first) {
    auto size = resources_.boot_size(first->facts);
    if (!size) co_return size.error();
    first_ = first->id();
    auto placed = co_await place_on_host(first->facts.cgroups_path, *size);
    if (!placed) co_return placed;
    auto prepared = co_await network_.prepare(first->network);
    if (!prepared) co_return prepared;
    vmm::boot_limits limits;
    limits.tcg = std::chrono::seconds(config_.boot_seconds);
    auto& service = asio::use_service<vmm::vm_service>(context_);
    auto plan = plan_for(first->storage, *size);
    network_.add_to(plan);
    cgroup_.add_to(plan);
    has_share_ = !plan.shares.empty();
    auto booted = co_await service.boot(std::move(plan), limits, config_.state + "/accelerator");
    if (!booted) co_return booted.error();
    vm_ = std::move(*booted);
    link_ = std::make_unique<guest_link>(context_, vm_->rpc_address(),
                                         [this](containerd::types::Envelope event) { take_event(std::move(event)); });
    tasks_.spawn("watch the VMM", watch_vm());
    tasks_.spawn("watch the share", watch_share());
    co_return co_await link_->connect();
}

awaitable<void> sandbox::watch_vm() {
    co_await vm_->ended();
    if (is_stopping_) co_return;
    log_of(context_).error("the VM has ended by itself", {{"console", vm_->console_tail(5)}});
    link_->close();
    for (auto& [id, container] : containers_) container->lose();
}

awaitable<void> sandbox::watch_share() {
    using namespace asio::experimental::awaitable_operators;
    auto outcome = co_await (vm_->share_lost() || vm_->ended());
    if (outcome.index() == 1 || is_stopping_) co_return;
    is_share_lost_ = true;
    auto all = containers_;
    for (auto& [id, container] : all) {
        if (container->storage.needs_share()) tasks_.spawn("give up " + id, give_up(container));
    }
}

// A process in a call to the share does not end, not by SIGKILL either.
awaitable<void> sandbox::give_up(std::shared_ptr<shim_container> container) {
    container->is_lost = true;
    if (auto calls = guest()) {
        task::KillRequest message;
        message.set_id(container->id());
        message.set_signal(SIGKILL);
        message.set_all(true);
        auto tasks = calls->task();
        (void)co_await tasks.Kill(std::move(message), ttrpc::call_options(give_up_limit));
    }
    co_await container->init_ended(give_up_limit);
    container->lose();
}

void sandbox::take_event(containerd::types::Envelope envelope) {
    auto id = container_of(envelope.event());
    auto container = find(id);
    if (container) (*container)->take(std::move(envelope));
}

std::string sandbox::namespace_in_guest(const std::string& type, const std::string& path) const {
    // The daemon has made the path of the pid that it knows of the pod's first container: the VMM's.
    if (path != fmt::format("/proc/{}/ns/{}", vmm_pid(), type)) return {};
    auto first = containers_.find(first_);
    if (first == containers_.end() || first->second->guest_pid == 0) return {};
    return fmt::format("/proc/{}/ns/{}", first->second->guest_pid, type);
}

awaitable<result<void>> sandbox::set_limits(std::string id, resource_limits limits) {
    auto calls = guest();
    if (!calls) co_return calls.error();
    co_return co_await resources_.fit(std::move(id), limits, vm_, std::move(*calls));
}

awaitable<result<void>> sandbox::create_in_guest(std::shared_ptr<shim_container> container, stdio_names names,
                                                 guest_spec spec) {
    const auto& about_root = container->storage.rootfs.remarks;
    spec.remarks.insert(spec.remarks.end(), about_root.begin(), about_root.end());
    for (const auto& remark : spec.remarks)
        log_of(context_).info("spec changed", {{"id", container->id()}, {"remark", remark}});
    auto calls = guest();
    if (!calls) co_return calls.error();
    auto bundle = co_await create_guest_bundle(*calls, container->id(), std::move(spec));
    if (!bundle) co_return bundle.error();
    auto stdio = container->make_stdio(std::move(names), std::string());
    auto init = container->add(std::string(), stdio);
    if (!init) co_return init.error();
    auto opened = co_await stdio->open(stream_address(), next_stream_ids());
    if (!opened) co_return opened.error();
    container->set_pid(vmm_pid());
    auto inside = guest_create_request(*container, stdio->guest_names(), std::move(*bundle));
    auto tasks = calls->task();
    auto created = co_await tasks.Create(std::move(inside), ttrpc::call_options(call_limit));
    if (!created) co_return created.error();
    container->guest_pid = created->pid();
    co_return result<void>();
}

awaitable<void> sandbox::remove(std::shared_ptr<shim_container> container) {
    containers_.erase(container->id());
    resources_.forget(container->id());
    write_record();
    container->close();
    if (has_vm() && !is_empty()) {
        for (std::size_t index = 0; index < container->storage.rootfs.disks.size(); ++index) {
            auto serial = container->storage.rootfs.disks[index].serial;
            // Of those that the VM was booted with there is no slot to empty.
            (void)co_await vm_->remove_disk(std::move(serial));
        }
    }
    co_await storage_.release(container->storage);
    co_await container->end_loggers();
}

awaitable<void> sandbox::stop() {
    is_stopping_ = true;
    if (auto calls = guest()) {
        link_->expect_end();
        task::ShutdownRequest message;
        message.set_now(true);
        auto tasks = calls->task();
        (void)co_await tasks.Shutdown(std::move(message), ttrpc::call_options(shutdown_limit));
    }
    if (link_) co_await link_->end();
    if (vm_) co_await vm_->stop(shutdown_limit);
    co_await network_.undo();
    co_await cgroup_.undo();
    co_await tasks_.join();  // whoever watches the VM has seen its end
    for (auto& [id, container] : containers_) container->lose();
    co_await storage_.close();
    has_share_ = is_share_lost_ = false;
    sysctls_.clear();
    for (const auto& [place, file] : pod_files_) ::unlink(file.c_str());
    pod_files_.clear();
    auto clear = [directory = paths_.vm]() -> result<void> {
        for (const auto* name : {"command", "kernel.log", "qemu.log", "vsock.log", "vhost.sock", "vm.sock", "vm.json"})
            ::unlink((directory + "/" + name).c_str());
        return syscalls::attempt("rmdir", directory, [&] { return ::rmdir(directory.c_str()); });
    };
    auto cleared = clear();
    if (!cleared && !syscalls::is_errno(cleared.error(), ENOENT))
        log_of(context_).warn("VM directory stays", {{"error", cleared.error()}});
    is_stopping_ = false;
    vm_.reset();
    link_.reset();
}

}  // namespace vminit::shim

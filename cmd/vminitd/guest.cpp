// SPDX-License-Identifier: Apache-2.0
#include "guest.hpp"

#include <unistd.h>

#include <exception>
#include <utility>

#include "version.hpp"
#include "vminit/api/bundle_api.hpp"
#include "vminit/api/container_api.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/api/forward_api.hpp"
#include "vminit/api/machine_api.hpp"
#include "vminit/api/mount_api.hpp"
#include "vminit/api/socket_forward_api.hpp"
#include "vminit/api/supervisor_api.hpp"
#include "vminit/api/supervisor_events.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/api/transfer_api.hpp"
#include "vminit/api/when_booted.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/runc/runc_service.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/machine_end.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::vminitd {

namespace {

constexpr auto task_v2_name = "containerd.task.v2.Task";

// A bad address is no reason to serve nowhere: the port's own is used instead.
ttrpc::address address_of(const std::string& configured, std::uint32_t port, logger& log) {
    auto usual = ttrpc::address::parse("vsock://any:" + std::to_string(port)).value();
    if (configured.empty()) return usual;
    auto address = ttrpc::address::parse(configured);
    if (address) return *address;
    log.warn("setting not used", {{"name", configured}, {"reason", address.error()}});
    return usual;
}

runc::runc_config runtime_config(const settings& values) {
    runc::runc_config config;
    // The boot mounts a tmpfs there.
    if (values.bundle_root.starts_with("/run/")) config.bundles_in_memory = values.bundle_root;
    if (!values.runtime.empty()) config.binary = values.runtime;
    config.root = values.runtime_root;
    // What the kernel did not understand on its command line (ip=...) is PID 1's environment.
    if (::getpid() == 1) config.env = {"PATH=" + std::string(supervisor::default_path), "HOME=/root"};
    return config;
}

}  // namespace

guest::guest(asio::io_context& context, const settings& values, const kernel_cmdline& cmdline,
             system::boot_timeline& timeline, system::power_watch& watch, console* screen)
    : context_(context),
      values_(values),
      cmdline_(cmdline),
      timeline_(timeline),
      log_(log_of(context)),
      screen_(screen),
      plugins_(choose_plugins(values.disabled_plugins)),
      awaited_(context.get_executor()),
      power_(context, watch, power_options(context)),
      power_button_(context, [this](std::string reason) { power_.request(std::move(reason)); }),
      tasks_(context.get_executor(), log_) {
    auto started = timeline_.now();
    for (const auto& problem : plugins_.problems) {
        log_.warn("setting not used", {{"source", problem.source}, {"name", problem.name}, {"reason", problem.reason}});
    }
    make_services();
    register_apis();
    timeline_.record(system::step_record("service-new", started, timeline_.now()));
    add_shutdown_phases();
    tasks_.spawn("boot", boot());
}

// The order is that of the layers: each asks for those below it.
void guest::make_services() {
    asio::make_service<blocking_service>(context_);
    auto& reaper = asio::make_service<reaper::reaper_service>(context_);
    if (::getpid() != 1) {
        auto adopted = reaper.become_subreaper();
        if (!adopted) log_.error("orphans will not come to us", {{"error", adopted.error()}});
    }
    system::system_config machine;
    machine.version = version();
    machine.has_container_init = true;  // main.cpp
    machine.cleanup.bundles = values_.bundle_root;
    if (::getpid() != 1) machine.cleanup.temporary.clear();  // others' files are in it
    machine.thaw_limit = std::chrono::seconds(values_.thaw_limit);
    asio::make_service<system::system_service>(context_, std::move(machine));
    asio::make_service<devices::device_service>(context_);
    asio::make_service<events::exchange_service>(context_);
    asio::make_service<ttrpc::server_service>(context_);
    asio::make_service<streams::stream_service>(context_, dialect());
    asio::make_service<runc::runc_service>(context_, runtime_config(values_));
    asio::make_service<process::process_service>(context_, container_config());
    supervisor::supervisor_config agents;
    agents.on_event = [this](const supervisor::supervised_event& event) {
        asio::use_service<events::exchange_service>(context_).publish(api::to_event(event));
    };
    asio::make_service<supervisor::supervisor_service>(context_, std::move(agents));
}

// The names were checked with the settings.
host_dialect guest::dialect() const {
    auto chosen = host_dialect::named(values_.host_dialect).value_or(host_dialect());
    if (values_.spec == "relax") chosen.spec = spec_policy::relax;
    if (values_.spec == "keep") chosen.spec = spec_policy::keep;
    return chosen;
}

process::process_config guest::container_config() {
    process::process_config config;
    config.dialect = dialect();
    config.no_pivot = values_.no_pivot;
    config.bundles = values_.bundle_root;
    if (::getpid() == 1) config.resolv_conf = [] { return system::steps::container_resolv_conf(); };
    config.resolve_serial = [this](std::string serial) {
        return asio::use_service<devices::device_service>(context_).find_block_by_serial(std::move(serial));
    };
    config.on_rootfs_mounted = [this](const std::string&, const std::string& rootfs) {
        asio::use_service<supervisor::supervisor_service>(context_).rootfs_ready(rootfs);
    };
    return config;
}

// Calls come before the boot is over: what each of them waits for. The steps are those of `whole_plan`.
void guest::register_apis() {
    auto& server = asio::use_service<ttrpc::server_service>(context_);
    auto when_booted = [this](std::shared_ptr<ttrpc::service_base> service, std::vector<api::method_needs> needs) {
        return api::when_booted(std::move(service), awaited_, log_, std::move(needs));
    };
    constexpr std::string_view mounts = "mount-filesystems";
    api::task_api_options options;
    options.on_shutdown = [this] { power_.request("Task.Shutdown"); };
    auto task = when_booted(api::make_task_api(context_, std::move(options)), {{"Create", {}}});
    if (plugins_.task) server.add(task, task_v2_name);
    if (plugins_.task) server.add(std::move(task));
    if (plugins_.vmevents) server.add(api::make_events_api(context_), std::string(dialect().events_service));
    if (plugins_.bundle) {
        server.add(when_booted(api::make_bundle_api(context_, values_.bundle_root), {{"Create", {mounts}}}));
    }
    if (plugins_.system) {
        server.add(when_booted(api::make_system_api(context_, timeline_), {{"PrepareShutdown", {mounts}},
                                                                           {"OnlineCPU", {mounts}},
                                                                           {"OfflineCPU", {mounts}},
                                                                           {"OnlineMemory", {mounts}},
                                                                           {"OfflineMemory", {mounts}},
                                                                           {"FreezeFilesystems", {mounts}},
                                                                           {"ThawFilesystems", {mounts}},
                                                                           {"Devices", {mounts}}}));
    }
    server.add(api::make_supervisor_api(context_));
    server.add(api::make_container_api(context_));
    api::machine_api_options machine;
    if (::getpid() == 1) machine.resolv_conf = [] { return system::steps::container_resolv_conf(); };
    server.add(api::make_machine_api(context_, std::move(machine)));
    if (plugins_.streaming) server.add(api::make_forward_api(context_));
    // Services of that host's own, and of no other.
    if (values_.host_dialect == "nerdbox") {
        if (plugins_.streaming) {
            server.add(when_booted(api::make_socket_forward_api(context_), {{"Bind", {mounts}}}));
            server.add(api::make_transfer_api(context_));
        }
        server.add(when_booted(api::make_mount_api(context_), {{"MountAll", {mounts}}}));
    }
    server.on_first_accept([this] { timeline_.reached("first-accept"); });
}

result<void> guest::listen() {
    auto rpc = address_of(values_.rpc_address, values_.rpc_port, log_);
    auto stdio = address_of(values_.stream_address, values_.stream_port, log_);
    ttrpc::listen_options options;
    options.allowed_cids.insert(options.allowed_cids.end(), values_.allowed_cids.begin(), values_.allowed_cids.end());
    if (plugins_.streaming) {
        auto& streams = asio::use_service<streams::stream_service>(context_);
        if (auto listening = streams.listen(stdio, options); !listening) return listening.error();
    }
    auto& server = asio::use_service<ttrpc::server_service>(context_);
    if (auto listening = server.listen(rpc, options); !listening) return listening.error();
    timeline_.reached("vsock-listen");
    timeline_.reached("serve");
    // What reaches a console is slow.
    log_.info("serving",
              {{"version", version()}, {"rpc", rpc.to_string()}, {"streams", stdio.to_string()}, {"cid", values_.cid}});
    return {};
}

result<void> guest::run() {
    auto listening = listen();
    is_listening_ = listening.has_value();
    // PID 1 tries again when the modules are there.
    if (!listening && ::getpid() != 1) return listening;
    for (;;) {
        // The loop goes on after an exception that a handler let escape: that handler is lost, PID 1 is not.
        try {
            context_.run();
            return failure_;
        } catch (const std::exception& thrown) {
            log_.error("exception in the event loop", {{"error", thrown.what()}});
        } catch (...) {
            log_.error("exception in the event loop", {{"error", "of unknown type"}});
        }
    }
}

system::power_options guest::power_options(asio::io_context& context) {
    system::power_options options;
    options.final_action = [&context] {
        system::end_machine();
        context.stop();  // not PID 1: main returns
    };
    return options;
}

}  // namespace vminit::vminitd

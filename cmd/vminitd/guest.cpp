#include "guest.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "version.hpp"
#include "vminit/api/bundle_api.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/runc/runc_service.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/system/boot_plan.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/kmsg_profile.hpp"
#include "vminit/system/network.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::vminitd {

using namespace std::chrono_literals;

namespace {

constexpr auto task_v2_name = "containerd.task.v2.Task";

result<ttrpc::address> address_of(const std::string& configured, std::uint32_t port) {
    return ttrpc::address::parse(configured.empty() ? "vsock://any:" + std::to_string(port) : configured);
}

runc::runc_config runtime_config(const settings& values) {
    runc::runc_config config;
    if (!values.runtime.empty()) config.binary = values.runtime;
    config.root = values.runtime_root;
    return config;
}

}  // namespace

guest::guest(asio::io_context& context, const settings& values, const kernel_cmdline& cmdline,
             system::boot_timeline& timeline)
    : context_(context),
      values_(values),
      timeline_(timeline),
      log_(log_of(context)),
      power_(context, power_options(context)),
      tasks_(context.get_executor(), log_) {
    make_services();
    register_apis();
    add_shutdown_phases();
    tasks_.spawn("late boot", finish_boot(system::parse_network_settings(cmdline)));
    auto extras = devices::parse_extras_settings(cmdline);
    if (!extras) log_.warn("extras disk not used", {{"error", extras.error()}});
    if (extras && *extras) tasks_.spawn("extras", extract_extras(std::move(**extras)));
    if (cmdline.has_prefix("spin.profile")) tasks_.spawn("kernel profile", print_kernel_profile());
    tasks_.spawn("power", power_.run());
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
    machine.cleanup.bundles = values_.bundle_root;
    asio::make_service<system::system_service>(context_, std::move(machine));
    asio::make_service<devices::device_service>(context_);
    asio::make_service<events::exchange_service>(context_);
    asio::make_service<ttrpc::server_service>(context_);
    asio::make_service<streams::stream_service>(context_);
    asio::make_service<runc::runc_service>(context_, runtime_config(values_));
    process::process_config containers;
    containers.no_pivot = values_.no_pivot;
    asio::make_service<process::process_service>(context_, std::move(containers));
}

void guest::register_apis() {
    auto& server = asio::use_service<ttrpc::server_service>(context_);
    api::task_api_options options;
    options.on_shutdown = [this] { power_.request("Task.Shutdown"); };
    auto task = api::make_task_api(context_, std::move(options));
    server.add(task, task_v2_name);
    server.add(std::move(task));
    server.add(api::make_events_api(context_));
    server.add(api::make_bundle_api(context_, values_.bundle_root));
    server.add(api::make_system_api(context_, timeline_));
    server.on_first_accept([this] { timeline_.reached("first-accept"); });
}

result<void> guest::serve() {
    auto rpc = address_of(values_.rpc_address, values_.rpc_port);
    if (!rpc) return rpc.error().within("rpc address");
    auto stdio = address_of(values_.stream_address, values_.stream_port);
    if (!stdio) return stdio.error().within("stream address");
    ttrpc::listen_options options;
    options.allowed_cids.insert(options.allowed_cids.end(), values_.allowed_cids.begin(), values_.allowed_cids.end());
    auto& streams = asio::use_service<streams::stream_service>(context_);
    if (auto listening = streams.listen(*stdio, options); !listening) return listening.error();
    auto& server = asio::use_service<ttrpc::server_service>(context_);
    if (auto listening = server.listen(*rpc, options); !listening) return listening.error();
    timeline_.reached("vsock-listen");
    log_.info("serving", {{"version", version()}, {"rpc", rpc->to_string()}, {"streams", stdio->to_string()}, {"cid", values_.cid}});
    timeline_.reached("serve");
    return {};
}

// The network card's driver may be among the modules that are loaded only now.
awaitable<void> guest::finish_boot(std::optional<system::network_settings> network) {
    if (::getpid() == 1) co_await system::run_late_boot(context_, system::vm_late_plan(), timeline_);
    if (network) co_await configure_network(std::move(*network));
}

awaitable<void> guest::extract_extras(devices::extras_settings settings) {
    auto started = timeline_.now();
    auto extracted = co_await devices::extract_extras(context_, std::move(settings));
    system::step_record record("extras-extract", started, timeline_.now());
    if (extracted) {
        log_.info("extras extracted", {{"files", extracted->files}, {"skipped", extracted->skipped}});
    } else {
        log_.warn("extras not extracted", {{"error", extracted.error()}});
        record.outcome = system::step_outcome::failed;
        record.text = extracted.error().message();
    }
    timeline_.record(std::move(record));
}

awaitable<void> guest::print_kernel_profile() {
    auto job = []() -> result<system::kmsg_profile> { return system::read_kmsg_profile(); };
    auto profile = co_await asio::use_service<blocking_service>(context_).run(job);
    if (!profile || profile->initcalls() == 0) log_.warn("no initcalls in the kernel's log");
    if (!profile) co_return;
    for (const auto& line : profile->lines()) log_.verbatim(line);
}

awaitable<void> guest::configure_network(system::network_settings settings) {
    auto& machine = asio::use_service<system::system_service>(context_);
    auto started = timeline_.now();
    auto failures = co_await machine.configure_network(std::move(settings));
    system::step_record record("network", started, timeline_.now());
    for (const auto& failure : failures) {
        log_.warn("network set-up incomplete", {{"error", failure}});
        record.outcome = system::step_outcome::degraded;
        record.text += (record.text.empty() ? "" : "; ") + failure.message();
    }
    timeline_.record(std::move(record));
}

system::power_options guest::power_options(asio::io_context& context) {
    system::power_options options;
    options.final_action = [&context] {
        system::power_off_machine();
        context.stop();  // not PID 1: main returns
    };
    return options;
}

// Containers go before the event streams, so that the host still hears of their exits; each limit is what may be spent
// on something that resists, their sum stays below power_options::hard_limit.
void guest::add_shutdown_phases() {
    power_.add_phase({"kill-containers", 800ms, [this] {
                          return asio::use_service<process::process_service>(context_).kill_all(700ms);
                      }});
    power_.add_phase({"end-events", 150ms, [this] { return end_events(); }});
    power_.add_phase({"stop-serving", 150ms, [this] { return stop_serving(); }});
    power_.add_phase({"clean-up", 1000ms, [this] { return asio::use_service<system::system_service>(context_).clean_up(); }});
    power_.add_phase({"sync", 500ms, [this] { return sync_disks(); }});
}

awaitable<void> guest::end_events() {
    auto& exchange = asio::use_service<events::exchange_service>(context_);
    co_await exchange.drain(100ms);
    exchange.close();
}

awaitable<void> guest::stop_serving() {
    asio::use_service<streams::stream_service>(context_).close();
    auto& server = asio::use_service<ttrpc::server_service>(context_);
    co_await server.shutdown(100ms);
    server.close();
}

awaitable<void> guest::sync_disks() {
    // Whoever is left could hold files open for writing, and a filesystem could then not become read-only.
    system::kill_all_processes(SIGKILL);
    auto job = []() -> result<std::vector<std::string>> { return system::remount_read_only(); };
    auto problems = co_await asio::use_service<blocking_service>(context_).run(job);
    if (!problems) co_return;
    for (const auto& problem : *problems) log_.warn("filesystem stays writable", {{"problem", problem}});
}

}  // namespace vminit::vminitd

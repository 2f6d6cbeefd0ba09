#pragma once

#include "plugins.hpp"
#include "settings.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/devices/link_report.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/awaited_steps.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/system/network_settings.hpp"
#include "vminit/system/power.hpp"
#include "vminit/system/power_button.hpp"
#include "vminit/system/power_watch.hpp"

namespace vminit::vminitd {

/// The layers of libvminit, put together on one context: makes each service with its settings, registers the ttrpc
/// services, listens, and goes down in order. No logic of its own.
class guest {
public:
    /// Makes the services. All but the context outlive the guest, the context is its owner's last to go.
    guest(asio::io_context& context, const settings& values, const kernel_cmdline& cmdline,
          system::boot_timeline& timeline, system::power_watch& watch);

    /// Binds both ports and starts serving. Errors: those of the listeners; nothing is left listening then.
    result<void> serve();

private:
    void make_services();
    void register_apis();
    host_dialect dialect() const;
    process::process_config container_config();
    static system::power_options power_options(asio::io_context& context);

    // guest_boot.cpp: what goes on while we serve already, and (prepare_network) just before.
    awaitable<void> finish_boot();
    void prepare_network();
    void expect_steps();
    awaitable<void> wait_for_boot(clock::duration limit);
    awaitable<void> keep_links();
    void note_link(devices::link_report report);
    awaitable<void> start_agents();
    awaitable<void> extract_extras();
    void note_extras(system::uptime started, const result<devices::extras_report>& extracted);
    awaitable<void> print_kernel_profile();

    // guest_shutdown.cpp
    void add_shutdown_phases();
    void listen_to_power_button();
    awaitable<void> kill_containers();
    awaitable<void> stop_agents();
    awaitable<void> end_events();
    awaitable<void> stop_serving();
    awaitable<void> sync_disks();

    asio::io_context& context_;
    const settings& values_;
    const kernel_cmdline& cmdline_;
    system::boot_timeline& timeline_;
    logger& log_;
    plugin_choice plugins_;
    system::network_settings network_;
    system::awaited_steps awaited_;
    system::uptime link_wait_began_{};
    system::power_control power_;
    system::power_button power_button_;
    task_group tasks_;
};

}  // namespace vminit::vminitd

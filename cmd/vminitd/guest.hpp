// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugins.hpp"
#include "settings.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/console.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/devices/link_report.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/awaited_steps.hpp"
#include "vminit/system/boot_plan.hpp"
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
    /// Makes the services. All but the context outlive the guest, the context is its owner's last to go. `screen` is
    /// where the log goes, if anywhere.
    guest(asio::io_context& context, const settings& values, const kernel_cmdline& cmdline,
          system::boot_timeline& timeline, system::power_watch& watch, console* screen);

    /// Runs until the machine is off, or for PID 1 never. Errors: there is nothing to serve on, or nothing to run containers
    /// with.
    result<void> run();

private:
    void make_services();
    void register_apis();
    host_dialect dialect() const;
    process::process_config container_config();
    static system::power_options power_options(asio::io_context& context);
    result<void> listen();

    // guest_boot.cpp: what goes on while we serve already.
    awaitable<void> boot();
    system::boot_plan whole_plan();
    void expect_steps(const system::boot_plan& plan);
    void step_ended(const std::string& step);
    void give_up(error why);
    void read_network_settings();
    awaitable<void> finish_boot();
    awaitable<void> find_console();
    awaitable<void> keep_links();
    void note_link(devices::link_report report);
    void add_agent();
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
    console* screen_;
    plugin_choice plugins_;
    system::parsed_network network_;
    system::awaited_steps awaited_;
    system::uptime link_wait_began_{};
    system::power_control power_;
    system::power_button power_button_;
    bool is_listening_ = false;
    result<void> failure_;  // why the guest cannot be what it is for
    task_group tasks_;
};

}  // namespace vminit::vminitd

// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <utility>

#include "guest.hpp"
#include "machine_dump.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/null_device.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/boot_plan.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/kmsg_profile.hpp"
#include "vminit/system/late_console.hpp"
#include "vminit/system/machine_end.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::vminitd {

namespace {

const std::string extras_step = "extras-extract";

// The first device's step has the name that hosts look for.
std::string step_of_link(std::size_t position, const std::string& device) {
    return position == 0 ? "network" : "network-" + device;
}

// No call needs the others.
bool is_awaited(const std::string& step) {
    return step != "kernel-modules" && step != "kernel-settings" && step != "machine-end";
}

}  // namespace

awaitable<void> guest::boot() {
    auto profile = cmdline_.has_prefix("spin.profile") ? system::boot_profile::on : system::boot_profile::off;
    timeline_.print_to(log_, profile);
    if (::getpid() == 1) {
        read_network_settings();
        auto plan = whole_plan();
        expect_steps(plan);
        auto ended = [this](const std::string& step) { step_ended(step); };
        auto booted = co_await system::run_boot_graph(context_, std::move(plan), timeline_, ended);
        if (!booted) co_return give_up(booted.error());
        if (screen_ != nullptr && !system::steps::has_console()) tasks_.spawn("console", find_console());
    } else if (auto held = hold_null_device(); !held) {
        log_.error("/dev/null is not held", {{"error", held.error()}});
    }
    // A signal that came before is kept; the limit of the way down has begun with it.
    tasks_.spawn("power", power_.run());
    if (cmdline_.has_prefix("spin.profile")) tasks_.spawn("kernel profile", print_kernel_profile());
    add_agent();
    if (::getpid() == 1) co_await finish_boot();  // else the machine is somebody else's
}

// What hosts named on the command line is part of it.
system::boot_plan guest::whole_plan() {
    auto plan = system::vm_boot_plan();
    // Name servers and names are files, which need no device: containers find them from the first on.
    auto names = [network = network_](system::step_notes& notes) {
        return system::steps::write_name_files(network, "", notes);
    };
    // What `auto` means is known by sysfs.
    auto end = [wanted = values_.power_off](system::step_notes&) -> result<void> {
        system::set_machine_end(system::machine_end_named(wanted));
        return {};
    };
    plan.emplace_back("machine-end", system::step_policy::warn, end, std::vector<std::string>{"mount-filesystems"});
    plan.emplace_back("name-files", system::step_policy::warn, names, std::vector<std::string>{"etc-files"});
    return plan;
}

// Containers may count on what was asked for on the command line, although we serve before it is there.
void guest::expect_steps(const system::boot_plan& plan) {
    for (const auto& step : plan) {
        if (is_awaited(step.name)) awaited_.expect(step.name);
    }
    const auto& links = network_.settings.links;
    for (std::size_t at = 0; at < links.size(); ++at) awaited_.expect(step_of_link(at, links[at].device));
    auto extras = devices::parse_extras_settings(cmdline_);
    if (extras && *extras) awaited_.expect(extras_step);
}

void guest::step_ended(const std::string& step) {
    if (step == "mount-filesystems") asio::use_service<system::system_service>(context_).remember_boot_memory();
    awaited_.ended(step);
    if (step != "kernel-modules" || is_listening_) return;
    auto listening = listen();
    is_listening_ = listening.has_value();
    if (!listening) give_up(listening.error());
}

void guest::give_up(error why) {
    failure_ = std::move(why);
    context_.stop();
}

void guest::read_network_settings() {
    // Only a kernel that configures the network itself (IP_PNP) has this file.
    auto pnp = read_file("/proc/net/pnp");
    network_ = system::parse_network_settings(cmdline_, values_.network, pnp ? *pnp : std::string());
}

// The drivers of the network card and of the extras disk may be among the modules that are loaded only now.
awaitable<void> guest::finish_boot() {
    (void)co_await system::run_boot_graph(context_, system::vm_late_plan(), timeline_);  // not fatal
    if (!network_.settings.links.empty()) tasks_.spawn("network", keep_links());
    listen_to_power_button();
    dump_machine(log_);
    co_await extract_extras();
}

// Its driver may be among the modules, and may take its time.
awaitable<void> guest::find_console() {
    auto found = co_await system::await_console(context_);
    auto used = found ? system::steps::use_console(*found) : result<void>(found.error());
    if (!used) co_return log_.info("the console is not used", {{"error", used.error()}});
    auto reopen = [] { return console::reopen(STDERR_FILENO); };
    auto shown =
        co_await asio::use_service<blocking_service>(context_).run(blocking_lane::files, reopen, "reopen the console");
    if (!shown) co_return log_.info("the console is not used", {{"error", shown.error()}});
    screen_->show_on(std::move(*shown));
    log_.info("the console has come");
}

awaitable<void> guest::keep_links() {
    link_wait_began_ = timeline_.now();
    devices::link_actions actions;
    actions.configure = [this](system::link_settings link) {
        auto& machine = asio::use_service<system::system_service>(context_);
        return machine.configure_link(std::move(link), network_.settings.wants_metadata_route);
    };
    actions.report = [this](devices::link_report report) { note_link(std::move(report)); };
    return asio::use_service<devices::device_service>(context_).keep_links(network_.settings.links, std::move(actions));
}

// A device that comes after its step has failed makes the step good.
void guest::note_link(devices::link_report report) {
    const auto& device = network_.settings.links[report.position].device;
    system::step_record record(step_of_link(report.position, device), link_wait_began_, timeline_.now());
    auto bad = report.name.empty() ? system::step_outcome::failed : system::step_outcome::degraded;
    if (!report.failures.empty()) record.outcome = bad;
    for (const auto& failure : report.failures) {
        log_.warn("network set-up incomplete", {{"error", failure}});
        record.text += (record.text.empty() ? "" : "; ") + failure.message();
    }
    if (!report.name.empty()) log_.info("network device configured", {{"device", device}, {"name", report.name}});
    awaited_.ended(record.name);
    timeline_.record(std::move(record));
}

// The agent comes with the extras: it is looked for when they are there, or a little later without them.
void guest::add_agent() {
    auto& agents = asio::use_service<supervisor::supervisor_service>(context_);
    auto trigger = supervisor::parse_start_trigger(values_.supervisor_start).value_or(supervisor::start_trigger::extras);
    auto spec = supervisor::spin_supervisor_spec(trigger);
    if (values_.supervisor_memory != 0) spec.memory_limit = std::uint64_t{values_.supervisor_memory} << 20;
    if (values_.supervisor_uid != 0) spec.uid = values_.supervisor_uid;
    if (values_.supervisor_uid != 0) spec.gid = values_.supervisor_uid;
    auto added = agents.add(std::move(spec));
    if (!added) log_.error("no supervision", {{"error", added.error()}});
}

awaitable<void> guest::extract_extras() {
    auto settings = devices::parse_extras_settings(cmdline_);
    if (!settings) log_.warn("extras disk not used", {{"error", settings.error()}});
    if (!settings || !*settings) co_return;
    auto started = timeline_.now();
    auto extracted = co_await devices::extract_extras(context_, std::move(**settings));
    awaited_.ended(extras_step);
    note_extras(started, extracted);
    asio::use_service<supervisor::supervisor_service>(context_).extras_ready();
}

void guest::note_extras(system::uptime started, const result<devices::extras_report>& extracted) {
    system::step_record record(extras_step, started, timeline_.now());
    if (extracted) {
        log_.info("extras extracted", {{"files", extracted->files}, {"was_done_before", extracted->was_done_before}});
    } else {
        log_.warn("extras not extracted", {{"error", extracted.error()}});
        record.outcome = system::step_outcome::failed;
        record.text = extracted.error().message();
    }
    if (extracted && extracted->skipped != 0) {
        log_.warn("extras skipped", {{"entries", extracted->skipped}, {"first", extracted->first_skipped}});
        record.outcome = system::step_outcome::degraded;
        record.text = "skipped " + std::to_string(extracted->skipped) + ", first " + extracted->first_skipped;
    }
    timeline_.record(std::move(record));
}

awaitable<void> guest::print_kernel_profile() {
    auto job = []() -> result<system::kmsg_profile> { return system::read_kmsg_profile(); };
    auto profile = co_await asio::use_service<blocking_service>(context_).run(blocking_lane::files, job, "read kernel log");
    if (!profile || profile->initcalls() == 0) log_.warn("no initcalls in the kernel's log");
    if (!profile) co_return;
    for (const auto& line : profile->lines()) log_.verbatim(line);
}

}  // namespace vminit::vminitd

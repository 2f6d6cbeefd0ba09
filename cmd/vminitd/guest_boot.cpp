#include <unistd.h>

#include <utility>

#include "guest.hpp"
#include "machine_dump.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/boot_plan.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/kmsg_profile.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::vminitd {

namespace {

const std::string extras_step = "extras-extract";

// The first device's step has the name that hosts look for.
std::string step_of_link(std::size_t position, const std::string& device) {
    return position == 0 ? "network" : "network-" + device;
}

}  // namespace

// The network card's driver may be among the modules that are loaded only now.
awaitable<void> guest::finish_boot() {
    if (::getpid() != 1) co_return;  // the machine is somebody else's
    co_await system::run_late_boot(context_, system::vm_late_plan(), timeline_);
    if (!network_.links.empty()) tasks_.spawn("network", keep_links());
    listen_to_power_button();
    dump_machine(log_);
}

// Containers may count on what was asked for on the command line, although we serve before it is there.
void guest::expect_steps() {
    if (::getpid() != 1) return;
    for (std::size_t at = 0; at < network_.links.size(); ++at) {
        awaited_.expect(step_of_link(at, network_.links[at].device));
    }
    auto extras = devices::parse_extras_settings(cmdline_);
    if (extras && *extras) awaited_.expect(extras_step);
}

awaitable<void> guest::wait_for_boot(clock::duration limit) {
    co_await awaited_.wait(limit);
    for (const auto& step : awaited_.pending()) {
        log_.warn("a container is made before a boot step has ended", {{"step", step}});
    }
}

// Name servers and names are files, which need no device: containers find them from the first on.
void guest::prepare_network() {
    // Only a kernel that configures the network itself (IP_PNP) has this file.
    auto pnp = read_file("/proc/net/pnp");
    auto network = system::parse_network_settings(cmdline_, values_.network, pnp ? *pnp : std::string());
    auto write = [&network](system::step_notes& notes) { return system::steps::write_name_files(network, "", notes); };
    system::boot_plan plan{{"name-files", system::step_policy::warn, write}};
    (void)system::run_boot(plan, timeline_, log_);  // not fatal
    network_ = std::move(network.settings);
}

awaitable<void> guest::keep_links() {
    link_wait_began_ = timeline_.now();
    devices::link_actions actions;
    actions.configure = [this](system::link_settings link) {
        auto& machine = asio::use_service<system::system_service>(context_);
        return machine.configure_link(std::move(link), network_.wants_metadata_route);
    };
    actions.report = [this](devices::link_report report) { note_link(std::move(report)); };
    return asio::use_service<devices::device_service>(context_).keep_links(network_.links, std::move(actions));
}

// A device that comes after its step has failed makes the step good.
void guest::note_link(devices::link_report report) {
    const auto& device = network_.links[report.position].device;
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
awaitable<void> guest::start_agents() {
    auto& agents = asio::use_service<supervisor::supervisor_service>(context_);
    auto trigger = supervisor::parse_start_trigger(values_.supervisor_start).value_or(supervisor::start_trigger::extras);
    auto spec = supervisor::spin_supervisor_spec(trigger);
    if (values_.supervisor_memory != 0) spec.memory_limit = std::uint64_t{values_.supervisor_memory} << 20;
    if (values_.supervisor_uid != 0) spec.uid = values_.supervisor_uid;
    if (values_.supervisor_uid != 0) spec.gid = values_.supervisor_uid;
    auto added = agents.add(std::move(spec));
    if (!added) log_.error("no supervision", {{"error", added.error()}});
    if (::getpid() == 1) co_await extract_extras();
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

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

// The network card's driver may be among the modules that are loaded only now.
awaitable<void> guest::finish_boot() {
    if (::getpid() != 1) co_return;  // the machine is somebody else's
    co_await system::run_late_boot(context_, system::vm_late_plan(), timeline_);
    configure_links();
    dump_machine(log_);
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

// Each device by itself: one that does not come delays no other.
void guest::configure_links() {
    std::string step = "network";
    for (const auto& link : network_.links) {
        tasks_.spawn("network", configure_link(std::exchange(step, ""), link));
    }
}

awaitable<void> guest::configure_link(std::string step, system::link_settings link) {
    if (step.empty()) step = "network-" + link.device;
    auto started = timeline_.now();
    std::vector<error> failures;
    std::string place = "/sys/class/net/" + link.device;
    auto there = co_await asio::use_service<devices::device_service>(context_).wait_for_path(std::move(place));
    if (there) {
        auto& machine = asio::use_service<system::system_service>(context_);
        failures = co_await machine.configure_link(std::move(link), network_.wants_metadata_route);
    } else {
        failures.push_back(there.error());
    }
    system::step_record record(std::move(step), started, timeline_.now());
    if (!failures.empty()) record.outcome = there ? system::step_outcome::degraded : system::step_outcome::failed;
    for (const auto& failure : failures) {
        log_.warn("network set-up incomplete", {{"error", failure}});
        record.text += (record.text.empty() ? "" : "; ") + failure.message();
    }
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
    system::step_record record("extras-extract", started, timeline_.now());
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
    asio::use_service<supervisor::supervisor_service>(context_).extras_ready();
}

awaitable<void> guest::print_kernel_profile() {
    auto job = []() -> result<system::kmsg_profile> { return system::read_kmsg_profile(); };
    auto profile = co_await asio::use_service<blocking_service>(context_).run(job);
    if (!profile || profile->initcalls() == 0) log_.warn("no initcalls in the kernel's log");
    if (!profile) co_return;
    for (const auto& line : profile->lines()) log_.verbatim(line);
}

}  // namespace vminit::vminitd

#include <unistd.h>

#include <utility>

#include "guest.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/boot_plan.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/kmsg_profile.hpp"
#include "vminit/system/network.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::vminitd {

// The network card's driver may be among the modules that are loaded only now.
awaitable<void> guest::finish_boot() {
    if (::getpid() == 1) co_await system::run_late_boot(context_, system::vm_late_plan(), timeline_);
    auto network = system::parse_network_settings(cmdline_);
    if (network) co_await configure_network(std::move(*network));
}

// The agent comes with the extras: it is looked for when they are there, or a little later without them.
awaitable<void> guest::start_agents() {
    auto& agents = asio::use_service<supervisor::supervisor_service>(context_);
    auto trigger = supervisor::parse_start_trigger(values_.supervisor_start).value_or(supervisor::start_trigger::extras);
    auto added = agents.add(supervisor::spin_supervisor_spec(trigger));
    if (!added) log_.error("no supervision", {{"error", added.error()}});
    auto settings = devices::parse_extras_settings(cmdline_);
    if (!settings) log_.warn("extras disk not used", {{"error", settings.error()}});
    if (!settings || !*settings) co_return;
    auto started = timeline_.now();
    auto extracted = co_await devices::extract_extras(context_, std::move(**settings));
    system::step_record record("extras-extract", started, timeline_.now());
    if (extracted) {
        log_.info("extras extracted", {{"files", extracted->files}, {"skipped", extracted->skipped}});
    } else {
        log_.warn("extras not extracted", {{"error", extracted.error()}});
        record.outcome = system::step_outcome::failed;
        record.text = extracted.error().message();
    }
    timeline_.record(std::move(record));
    agents.extras_ready();
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

awaitable<void> guest::print_kernel_profile() {
    auto job = []() -> result<system::kmsg_profile> { return system::read_kmsg_profile(); };
    auto profile = co_await asio::use_service<blocking_service>(context_).run(job);
    if (!profile || profile->initcalls() == 0) log_.warn("no initcalls in the kernel's log");
    if (!profile) co_return;
    for (const auto& line : profile->lines()) log_.verbatim(line);
}

}  // namespace vminit::vminitd

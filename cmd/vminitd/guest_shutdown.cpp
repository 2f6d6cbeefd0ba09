// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "guest.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/cleanup.hpp"
#include "vminit/system/machine_end.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::vminitd {

using namespace std::chrono_literals;

// Containers go before the event streams, so that the host still hears of their exits; each limit is what may be spent
// on something that resists, their sum stays below power_watch_options::limit. Agents may take their time beside the
// rest: many a host ends the VM half a second after it has asked.
void guest::add_shutdown_phases() {
    using enum system::phase_order;
    power_.add_phase({"stop-agents", 1000ms, [this] { return stop_agents(); }, beside});
    power_.add_phase({"kill-containers", 600ms, [this] { return kill_containers(); }});
    power_.add_phase({"end-events", 150ms, [this] { return end_events(); }});
    power_.add_phase({"stop-serving", 150ms, [this] { return stop_serving(); }});
    power_.add_phase({"clean-up", 500ms, [this] { return asio::use_service<system::system_service>(context_).clean_up(); }});
    power_.add_phase({"sync", 400ms, [this] { return sync_disks(); }, last});
}

// The key devices are there once the rest of the modules is.
void guest::listen_to_power_button() {
    tasks_.spawn("power button", power_button_.listen_to_acpi());
    tasks_.spawn("power keys", power_button_.listen_to_keys());
}

awaitable<void> guest::kill_containers() {
    return asio::use_service<process::process_service>(context_).kill_all(500ms);
}

awaitable<void> guest::stop_agents() { return asio::use_service<supervisor::supervisor_service>(context_).stop(); }

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
    if (::getpid() != 1) co_return;  // the machine goes on without us
    // Whoever is left could hold files open for writing, and a filesystem could then not become read-only.
    system::kill_all_processes(SIGKILL);
    auto job = []() -> result<std::vector<std::string>> { return system::remount_read_only(); };
    auto problems = co_await asio::use_service<blocking_service>(context_).run(blocking_lane::rescue, job, "remount read-only");
    // Without a thread to be had it is done here: the loop has nothing else to do any more.
    if (!problems) problems = job();
    for (const auto& problem : *problems) log_.warn("filesystem stays writable", {{"problem", problem}});
}

}  // namespace vminit::vminitd

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "commands/commands.hpp"
#include "vm/vm_commands.hpp"
#include "vm/vm_directory.hpp"
#include "vminit/vmm/vm_record.hpp"
#include "vminit/vmm/vm_service.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::string_view titles[] = {"name", "state", "address", "cpus", "memory_mib", "pid", "containers"};

std::string_view state_of(const vmm::vm_record& vm) {
    auto owned = ownership_of(vm.directory);
    // The shim's have no keeper's lock.
    bool is_alive = owned == vm_ownership::none ? vm.pid > 0 && ::kill(vm.pid, 0) == 0 : owned == vm_ownership::kept;
    if (!is_alive) return "lost";
    return vm.pid == 0 ? "booting" : "running";
}

std::string name_of(const vmm::vm_record& vm) { return std::filesystem::path(vm.directory).filename().string(); }

record row_of(const vmm::vm_record& vm) {
    boost::json::array containers;
    for (const auto& id : vm.containers) containers.push_back(boost::json::value(id));
    return {{"name", name_of(vm)},
            {"state", state_of(vm)},
            {"address", vm.rpc},
            {"cpus", vm.cpus},
            {"memory_mib", vm.memory_mib},
            {"pid", vm.pid},
            {"containers", std::move(containers),
             vm.containers.empty() ? "-" : fmt::format("{}", fmt::join(vm.containers, " "))}};
}

}  // namespace

awaitable<result<int>> list_vms(client_session& session) {
    auto settings = machine_settings();
    if (!settings) co_return settings.error();
    auto known = vmm::read_records(settings->state);
    if (!known) co_return known.error();
    std::sort(known->begin(), known->end(), [](const auto& a, const auto& b) { return a.directory < b.directory; });
    std::vector<record> rows;
    for (const auto& vm : *known) rows.push_back(row_of(vm));
    session.out().answers(rows, titles);
    co_return 0;
}

awaitable<result<int>> show_vm(client_session& session, std::string name) {
    auto settings = machine_settings();
    if (!settings) co_return settings.error();
    auto path = vm_path(*settings, name);
    if (!path) co_return path.error();
    auto known = vmm::read_record(*path);
    bool has_ended = !known && ownership_of(*path) == vm_ownership::left;
    if (!known && !has_ended) co_return error(errc::not_found, "a VM in " + *path);
    if (has_ended) {
        record facts{{"name", name}, {"state", "ended"}, {"directory", *path}};
        session.out().answer(facts);
        co_return exit_degraded;
    }
    auto facts = row_of(*known);
    auto state = state_of(*known);
    auto where = ttrpc::address::parse(known->rpc);
    result<void> answered = error(errc::unavailable);
    if (state == "running" && where) answered = co_await vmm::ping(*where, session.options().call_limit());
    facts.insert(facts.end(), {{"stream_address", known->streams},
                               {"directory", *path},
                               {"keeper", known->keeper},
                               {"answers", static_cast<bool>(answered), answered ? "yes" : "no"}});
    session.out().answer(facts);
    co_return answered ? 0 : exit_degraded;
}

}  // namespace vminit::vminitctl

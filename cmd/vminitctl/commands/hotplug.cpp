// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"

namespace vminit::vminitctl {

namespace {

namespace system_api = containerd::vminitd::services::system::v1;
using google::protobuf::Empty;

struct hotplug_options {
    std::string action;
    std::uint32_t number = 0;
    bool is_online() const { return action == "online"; }
};

void answer(client_session& guest, std::string_view what, const hotplug_options& options) {
    record facts{{what, options.number}, {"state", options.action}};
    if (guest.out().is_json()) guest.out().answer(facts);
}

awaitable<result<Empty>> switch_cpu(client_session& guest, hotplug_options options) {
    auto system = guest.system();
    if (options.is_online()) {
        system_api::OnlineCPURequest request;
        request.set_cpu_id(options.number);
        co_return co_await system.OnlineCPU(std::move(request), guest.call_limit());
    }
    system_api::OfflineCPURequest request;
    request.set_cpu_id(options.number);
    co_return co_await system.OfflineCPU(std::move(request), guest.call_limit());
}

awaitable<result<Empty>> switch_memory(client_session& guest, hotplug_options options) {
    auto system = guest.system();
    if (options.is_online()) {
        system_api::OnlineMemoryRequest request;
        request.set_memory_id(options.number);
        co_return co_await system.OnlineMemory(std::move(request), guest.call_limit());
    }
    system_api::OfflineMemoryRequest request;
    request.set_memory_id(options.number);
    co_return co_await system.OfflineMemory(std::move(request), guest.call_limit());
}

awaitable<result<int>> cpu(client_session& guest, hotplug_options options) {
    auto switched = co_await switch_cpu(guest, options);
    if (!switched) co_return switched.error();
    answer(guest, "cpu", options);
    co_return 0;
}

awaitable<result<int>> memory(client_session& guest, hotplug_options options) {
    auto switched = co_await switch_memory(guest, options);
    if (!switched) co_return switched.error();
    answer(guest, "memory_block", options);
    co_return 0;
}

void declare(CLI::App& command, hotplug_options& options, const std::string& what) {
    command.add_option("ACTION", options.action, "online or offline")
        ->required()
        ->check(CLI::IsMember({"online", "offline"}));
    command.add_option("NUMBER", options.number, what)->required();
}

}  // namespace

void add_cpu(command_set& commands) {
    auto options = std::make_shared<hotplug_options>();
    auto& command = commands.add("cpu", "switch a processor of the guest on or off",
                                 [options](client_session& guest) { return cpu(guest, *options); });
    declare(command, *options, "the processor, from 0; 0 always runs");
    command.footer("After plugging a processor in: online waits up to 2 s for it to appear.");
}

void add_memory(command_set& commands) {
    auto options = std::make_shared<hotplug_options>();
    auto& command = commands.add("memory", "switch a memory block of the guest on or off",
                                 [options](client_session& guest) { return memory(guest, *options); });
    declare(command, *options, "the kernel's number of the block: /sys/devices/system/memory/memoryN");
    command.footer("After plugging memory in: online also switches on every other block that is off.");
}

}  // namespace vminit::vminitctl

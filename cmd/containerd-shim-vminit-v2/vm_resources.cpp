// SPDX-License-Identifier: Apache-2.0
#include "vm_resources.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace vminit::shim {

using namespace std::chrono_literals;
namespace wire = containerd::vminitd::services::system::v1;

namespace {

constexpr std::uint64_t overhead_mib = 96;  // kernel, page cache and vminitd beside the containers' own memory
constexpr unsigned most_cpus = 255;         // QEMU's for q35
constexpr std::uint64_t block_bytes = std::uint64_t{128} << 20;  // of Linux on x86, while a VM is below 64 GiB
constexpr auto online_limit = 10s;                               // the guest waits two seconds for what does not come

std::uint64_t added(std::uint64_t left, std::uint64_t right) {
    return left > UINT64_MAX - right ? UINT64_MAX : left + right;
}

}  // namespace

vmm::vm_size machine_size() {
    auto cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
    auto pages = ::sysconf(_SC_PHYS_PAGES);
    auto page = ::sysconf(_SC_PAGESIZE);
    vmm::vm_size size;
    size.cpus = static_cast<unsigned>(std::clamp<long>(cpus, 1, most_cpus));
    size.memory_mib = static_cast<std::uint64_t>(std::max<long>(pages, 0)) * static_cast<std::uint64_t>(page) >> 20;
    return size;
}

result<vmm::vm_size> vm_size_for(vmm::vm_size usual, resource_limits total, vmm::vm_size most) {
    auto size = usual;
    auto cpus = total.cpu_milli / 1000 + (total.cpu_milli % 1000 == 0 ? 0 : 1);
    if (cpus > std::max(usual.cpus, most.cpus)) {
        return error(errc::resource_exhausted,
                     fmt::format("limits of {} processors together: a VM can have at most {} (setting max_cpus)", cpus,
                                 std::max(usual.cpus, most.cpus)));
    }
    size.cpus = std::max(size.cpus, static_cast<unsigned>(cpus));
    auto memory = total.memory == 0 ? 0 : total.memory / (1 << 20) + overhead_mib;
    if (memory > std::max(usual.memory_mib, most.memory_mib)) {
        return error(
            errc::resource_exhausted,
            fmt::format("memory limits of {} MiB together and {} MiB beside them: a VM can have at most {} MiB "
                        "(setting max_memory_mib)",
                        memory - overhead_mib, overhead_mib, std::max(usual.memory_mib, most.memory_mib)));
    }
    size.memory_mib = std::max(size.memory_mib, memory);
    return size;
}

vm_resources::vm_resources(asio::io_context& context, const shim_config& config, vmm::vm_size machine)
    : usual_{config.cpus, config.memory_mib}, free_(context.get_executor()) {
    most_.cpus = config.max_cpus == 0 ? machine.cpus : config.max_cpus;
    most_.memory_mib = config.max_memory_mib == 0 ? machine.memory_mib : config.max_memory_mib;
}

result<vmm::vm_size> vm_resources::boot_size(const spec_facts& first) {
    if (first.vcpus != 0) usual_.cpus = first.vcpus;
    if (first.memory_mib != 0) usual_.memory_mib = first.memory_mib;
    pod_ = first.pod;
    auto size = vm_size_for(usual_, total_with(std::string(), first.limits), most_);
    if (size) online_ = *size;
    return size;
}

resource_limits vm_resources::limits_of(const std::string& id) const {
    auto found = limits_.find(id);
    return found == limits_.end() ? resource_limits() : found->second;
}

// The pod's own sum counts where it is more: it includes containers that are still to come.
resource_limits vm_resources::total_with(const std::string& id, resource_limits limits) const {
    for (const auto& [other, each] : limits_) {
        if (other == id) continue;
        limits.memory = added(limits.memory, each.memory);
        limits.cpu_milli = added(limits.cpu_milli, each.cpu_milli);
    }
    limits.memory = std::max(limits.memory, pod_.memory);
    limits.cpu_milli = std::max(limits.cpu_milli, pod_.cpu_milli);
    return limits;
}

awaitable<result<void>> vm_resources::fit(std::string id, resource_limits limits,
                                          std::shared_ptr<vmm::virtual_machine> vm, guest_link::calls guest) {
    while (is_busy_) {
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
        co_await free_.wait();
    }
    auto wanted = vm_size_for(usual_, total_with(id, limits), most_);
    if (!wanted) co_return wanted.error();
    is_busy_ = true;
    auto grown = co_await grow(*wanted, std::move(vm), std::move(guest));
    is_busy_ = false;
    free_.notify_all();
    if (grown) limits_[id] = limits;
    co_return grown;
}

awaitable<result<void>> vm_resources::grow(vmm::vm_size wanted, std::shared_ptr<vmm::virtual_machine> vm,
                                           guest_link::calls guest) {
    auto grown = co_await vm->grow(wanted);
    if (grown && before_online_ && vm->size() != online_) grown = co_await before_online_(vm->size());
    if (!grown) co_return grown.error().within("growing the VM");
    // Also what an earlier call plugged in and the guest did not take.
    auto online = co_await bring_online(vm->size(), vm->memory_end(), std::move(guest));
    if (!online) co_return online.error().within("growing the VM");
    online_ = vm->size();
    co_return result<void>();
}

awaitable<result<void>> vm_resources::bring_online(vmm::vm_size size, std::uint64_t memory_end,
                                                   guest_link::calls guest) {
    auto system = guest.system();
    for (auto cpu = online_.cpus; cpu < size.cpus; ++cpu) {
        wire::OnlineCPURequest request;
        request.set_cpu_id(cpu);
        auto done = co_await system.OnlineCPU(std::move(request), ttrpc::call_options(online_limit));
        if (!done) co_return done.error();
    }
    if (size.memory_mib <= online_.memory_mib || memory_end == 0) co_return result<void>();
    wire::OnlineMemoryRequest request;
    // The last block: when it is there, the others are, and the guest brings all of them online.
    request.set_memory_id(static_cast<std::uint32_t>(memory_end / block_bytes - 1));
    auto done = co_await system.OnlineMemory(std::move(request), ttrpc::call_options(online_limit));
    if (!done) co_return done.error();
    co_return result<void>();
}

}  // namespace vminit::shim

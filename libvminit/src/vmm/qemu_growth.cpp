// SPDX-License-Identifier: Apache-2.0
#include "qemu_growth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "qemu_command.hpp"

namespace vminit::vmm {

namespace json = boost::json;

namespace {

constexpr std::uint64_t block_mib = 128;  // of Linux on x86: what it adds and takes away as one

std::uint64_t rounded_up(std::uint64_t mib) { return (mib + block_mib - 1) / block_mib * block_mib; }

// The first place for a processor that is empty: what device_add needs to fill it.
std::string free_place(const json::value& places, const std::string& id) {
    const auto* all = places.if_array();
    if (all == nullptr) return {};
    // QEMU lists the last place first.
    for (auto place = all->rbegin(); place != all->rend(); ++place) {
        const auto* cpu = place->if_object();
        if (cpu == nullptr || cpu->contains("qom-path")) continue;
        const auto* type = cpu->if_contains("type");
        const auto* props = cpu->if_contains("props");
        if (type == nullptr || props == nullptr || !props->is_object()) continue;
        json::object device{{"driver", *type}, {"id", id}};
        for (const auto& [key, value] : props->get_object()) device[key] = value;
        return json::serialize(device);
    }
    return {};
}

std::uint64_t number_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    error_code failure;
    auto number = value == nullptr ? 0 : value->to_number<std::uint64_t>(failure);
    return failure ? 0 : number;
}

}  // namespace

qemu_growth::qemu_growth(const vm_plan& plan, execute monitor)
    : monitor_(std::move(monitor)),
      boot_{plan.cpus, plan.memory_mib},
      most_{std::max(plan.cpus, plan.most.cpus), std::max(plan.memory_mib, plan.most.memory_mib)},
      now_(boot_),
      can_grow_(plan.machine != machine_type::microvm && plan.machine != machine_type::virt) {}

std::uint64_t qemu_growth::piece_of(std::uint64_t boot, std::uint64_t now, std::uint64_t wanted, std::uint64_t most) {
    auto left = (most - now) / block_mib * block_mib;
    return std::min(left, rounded_up(std::max(wanted - now, boot)));
}

result<void> qemu_growth::check(const vm_size& wanted) const {
    if (wanted.cpus > most_.cpus) {
        return error(errc::failed_precondition,
                     fmt::format("{} processors: this VM can have at most {}", wanted.cpus, most_.cpus));
    }
    if (wanted.memory_mib <= now_.memory_mib) return {};
    auto end = now_.memory_mib + piece_of(boot_.memory_mib, now_.memory_mib, wanted.memory_mib, most_.memory_mib);
    if (wanted.memory_mib > most_.memory_mib || end < wanted.memory_mib) {
        return error(errc::failed_precondition, fmt::format("{} MiB of memory: this VM can have at most {} MiB",
                                                            wanted.memory_mib, most_.memory_mib));
    }
    if (pieces_ == memory_slots) {
        return error(errc::failed_precondition, fmt::format("memory was added {} times: no slot is left", pieces_));
    }
    return {};
}

awaitable<result<void>> qemu_growth::grow(vm_size wanted) {
    bool fits = wanted.cpus <= now_.cpus && wanted.memory_mib <= now_.memory_mib;
    if (fits) co_return result<void>();
    if (!can_grow_) co_return error(errc::failed_precondition, "this board takes no processor and no memory later");
    if (is_growing_) co_return error(errc::failed_precondition, "the VM is growing already");
    auto checked = check(wanted);
    if (!checked) co_return checked;
    is_growing_ = true;
    while (checked && now_.cpus < wanted.cpus) checked = co_await add_cpu();
    if (checked && now_.memory_mib < wanted.memory_mib) {
        checked = co_await add_memory(piece_of(boot_.memory_mib, now_.memory_mib, wanted.memory_mib, most_.memory_mib));
    }
    is_growing_ = false;
    co_return checked;
}

awaitable<result<void>> qemu_growth::add_cpu() {
    auto places = co_await monitor_("query-hotpluggable-cpus", std::string());
    if (!places) co_return places.error();
    auto device = free_place(*places, fmt::format("cpu-{}", now_.cpus));
    if (device.empty()) co_return error(errc::failed_precondition, "QEMU has no room for another processor");
    auto added = co_await monitor_("device_add", std::move(device));
    if (!added) co_return added.error();
    ++now_.cpus;
    co_return result<void>();
}

awaitable<result<void>> qemu_growth::add_memory(std::uint64_t mib) {
    auto backend = fmt::format("more-{}", pieces_);
    auto device = fmt::format("dimm-{}", pieces_);
    // Shared, as vhost-user devices map all of the guest's memory.
    auto object =
        fmt::format(R"({{"qom-type":"memory-backend-memfd","id":"{}","size":{},"share":true}})", backend, mib << 20);
    auto made = co_await monitor_("object-add", std::move(object));
    if (!made) co_return made.error();
    auto plug = fmt::format(R"({{"driver":"pc-dimm","id":"{}","memdev":"{}"}})", device, backend);
    auto plugged = co_await monitor_("device_add", std::move(plug));
    if (!plugged) {
        auto undo = fmt::format(R"({{"id":"{}"}})", backend);
        (void)co_await monitor_("object-del", std::move(undo));
        co_return plugged.error();
    }
    ++pieces_;
    now_.memory_mib += mib;
    co_return co_await note_memory_end(std::move(device));
}

awaitable<result<void>> qemu_growth::note_memory_end(std::string device) {
    auto devices = co_await monitor_("query-memory-devices", std::string());
    if (!devices) co_return devices.error();
    const auto* all = devices->if_array();
    for (const auto& each : all == nullptr ? json::array() : *all) {
        const auto* entry = each.if_object();
        const auto* data = entry == nullptr ? nullptr : entry->if_contains("data");
        if (data == nullptr || !data->is_object()) continue;
        const auto* id = data->get_object().if_contains("id");
        if (id == nullptr || !id->is_string() || std::string_view(id->get_string()) != device) continue;
        memory_end_ = number_at(data->get_object(), "addr") + number_at(data->get_object(), "size");
        co_return result<void>();
    }
    co_return error(errc::internal, "QEMU does not list the memory that it has taken");
}

}  // namespace vminit::vmm

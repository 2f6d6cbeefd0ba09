// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// Plugs processors and memory into a running QEMU: q35's ACPI tells the guest. Knows how big the VM is by now.
class qemu_growth {
public:
    /// One QMP command; `arguments` is a JSON object or empty.
    using execute =
        std::function<awaitable<result<boost::json::value>>(std::string_view command, std::string arguments)>;

    qemu_growth(const vm_plan& plan, execute monitor);

    const vm_size& size() const noexcept { return now_; }
    std::uint64_t memory_end() const noexcept { return memory_end_; }

    /// See virtual_machine::grow.
    awaitable<result<void>> grow(vm_size wanted);

    /// The size of the piece that takes `now` to at least `wanted` MiB, at most `most` in all. Pure. A piece is at
    /// least as big as the VM was at boot, so that the few slots last; whole blocks of Linux's.
    static std::uint64_t piece_of(std::uint64_t boot, std::uint64_t now, std::uint64_t wanted, std::uint64_t most);

private:
    result<void> check(const vm_size& wanted) const;
    awaitable<result<void>> add_cpu();
    awaitable<result<void>> add_memory(std::uint64_t mib);
    awaitable<result<void>> note_memory_end(std::string device);

    execute monitor_;
    vm_size boot_;
    vm_size most_;
    vm_size now_;
    unsigned pieces_ = 0;
    std::uint64_t memory_end_ = 0;
    bool is_growing_ = false;
    bool can_grow_ = false;
};

}  // namespace vminit::vmm

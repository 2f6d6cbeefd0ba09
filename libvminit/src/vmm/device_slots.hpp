// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vminit::vmm {

/// The spare PCIe ports of a VM and what is plugged into them. A device that has been told to go keeps its slot until
/// the VMM says that it has gone. Pure.
class device_slots {
public:
    explicit device_slots(unsigned count) : slots_(count) {}

    /// Nothing when none is free.
    std::optional<unsigned> take(const std::string& device) {
        for (unsigned index = 0; index < slots_.size(); ++index) {
            if (!slots_[index].device.empty()) continue;
            slots_[index].device = device;
            return index;
        }
        return std::nullopt;
    }

    bool holds(const std::string& device) const { return find(device) != slots_.size(); }

    /// Told to go: false if it is not there, or already told.
    bool leave(const std::string& device) {
        auto index = find(device);
        if (index == slots_.size() || slots_[index].is_leaving) return false;
        return slots_[index].is_leaving = true;
    }

    /// Gone, or never come. False if it was not there.
    bool release(const std::string& device) {
        auto index = find(device);
        if (index == slots_.size()) return false;
        slots_[index] = slot();
        return true;
    }

    bool is_any_leaving() const noexcept {
        for (const auto& each : slots_) {
            if (each.is_leaving) return true;
        }
        return false;
    }

private:
    struct slot {
        std::string device;  // empty: free
        bool is_leaving = false;
    };

    std::size_t find(const std::string& device) const {
        std::size_t index = 0;
        while (index < slots_.size() && (device.empty() || slots_[index].device != device)) ++index;
        return index;
    }

    std::vector<slot> slots_;
};

}  // namespace vminit::vmm

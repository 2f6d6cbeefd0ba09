// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"

/// The machine's time of day. The calls go to the kernel and to device drivers: not for the loop.
namespace vminit::system {

/// A PTP clock of the machine (/dev/ptp0): a network card's, or KVM's, which shows the host's time.
struct clock_device {
    std::string name;
    std::string description;  ///< what its driver calls it
    clock::duration ahead{};  ///< how far the machine's clock is ahead of it
    std::string problem;      ///< why it could not be read; empty if it was
};

/// The clock of the guest at one moment, and those of its devices.
struct clock_state {
    wall_time now{};
    clock::duration slewing{};  ///< still to come of a slew
    bool is_synchronized = false;
    std::string source;  ///< what the kernel counts with; empty if it does not tell
    std::vector<std::string> sources;
    std::vector<clock_device> devices;
};

/// One of the two, or neither.
struct clock_change {
    std::optional<clock::duration> step;  ///< at once
    std::optional<clock::duration> slew;  ///< by half a millisecond a second, instead of an earlier one
};

/// At half a millisecond a second it takes five and a half hours; for more there are steps.
inline constexpr auto longest_slew = std::chrono::seconds(10);
inline constexpr std::size_t most_clock_devices = 8;

/// The time that an open /dev/ptpN shows. Errors: errno of clock_gettime.
result<wall_time> read_ptp_clock(int device);
using device_clock_reader = result<wall_time> (*)(int device);

/// Errors: see `system_service::move_clock`.
result<void> move_clock(const clock_change& change);

/// All but the devices. Errors: errno of adjtimex.
result<clock_state> read_clock(const std::string& sysfs);

/// By name. What cannot be opened or read has its problem told.
std::vector<clock_device> read_device_clocks(const std::string& sysfs, const std::string& directory,
                                             device_clock_reader read);

}  // namespace vminit::system

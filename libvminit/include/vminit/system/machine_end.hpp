// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace vminit::system {

/// What reboot(2) is asked for when all is over.
enum class machine_end {
    power_off,  ///< without a way to power off the kernel makes it a halt, and the VM lives on
    restart,    ///< ends a VMM that has no power-off but takes a reset as the end: Firecracker, QEMU with -no-reboot
    halt,       ///< the processors stop; the VM is there until somebody ends it
};

/// The end that works on this machine. x86 powers off by ACPI alone: `restart` when the firmware brought no ACPI, or
/// tables that have no S5 (no `_S5_`, or no register to enter it by). Everything else, and what cannot be read, is
/// `power_off`. Reads a few small files of sysfs, of what the firmware left in memory.
machine_end find_machine_end(const std::string& firmware = "/sys/firmware");

/// `off`, `restart`, `halt`; anything else is `auto`: `find_machine_end`.
machine_end machine_end_named(const std::string& name);

/// What `end_machine` does from now on; `power_off` until it is called.
void set_machine_end(machine_end wanted) noexcept;

/// reboot(2) as `set_machine_end` said if this is PID 1 of the machine or of a pid namespace; otherwise returns. Does
/// not sync. Async-signal-safe.
void end_machine() noexcept;

/// kill(2) of every process but this one, as PID 1; otherwise nothing. They are collected by the reaper as always.
void kill_all_processes(int signal) noexcept;

/// Begins a sync(2) that nobody waits for, unless one is under way. Async-signal-safe.
void begin_sync() noexcept;

/// sync(2) in a thread of its own; false when it is not through after `limit`, or there is no thread to be had: a disk
/// that hangs holds up nobody. Async-signal-safe.
bool sync_within(std::chrono::milliseconds limit) noexcept;

/// Calls `action` after `limit` from a thread of its own and, should there be none, from a SIGALRM handler: it comes
/// even when the loop hangs or holds the heap's lock. Cannot be called off. `action` must be async-signal-safe, as this
/// is.
void arm_watchdog(std::chrono::milliseconds limit, void (*action)()) noexcept;

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/machine_end.hpp"

#include <signal.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lone_thread.hpp"
#include "vminit/core/file.hpp"

namespace vminit::system {

namespace {

std::atomic<int> reboot_command{RB_POWER_OFF};

// Other processors power off by their firmware or by a device.
#if defined(__x86_64__)
constexpr bool needs_acpi = true;
#else
constexpr bool needs_acpi = false;
#endif

// Fixed ACPI Description Table (ACPI 6.5, 5.2.9): where its fields are.
constexpr std::size_t pm1a_control = 64;
constexpr std::size_t flags = 112;
constexpr std::size_t extended_pm1a_control = 172 + 4;  // behind the first four bytes of an address structure
constexpr std::size_t sleep_control = 244 + 4;
constexpr std::uint32_t reduced_hardware = 1u << 20;

// Zero behind the end of a table of an older, shorter version.
template <class Number>
Number number_at(const std::string& table, std::size_t offset) {
    Number number{};
    if (offset + sizeof number <= table.size()) std::memcpy(&number, table.data() + offset, sizeof number);
    return number;
}

// Without a register the kernel does not register a power-off, whatever the tables say of S5.
bool has_sleep_register(const std::string& table) {
    if ((number_at<std::uint32_t>(table, flags) & reduced_hardware) != 0) {
        return number_at<std::uint64_t>(table, sleep_control) != 0;
    }
    return number_at<std::uint32_t>(table, pm1a_control) != 0 ||
           number_at<std::uint64_t>(table, extended_pm1a_control) != 0;
}

// The name of the object, as it stands in AML. The kernel calls the tables SSDT, or SSDT1, SSDT2, ... if there are more.
bool has_s5(const std::string& tables) {
    constexpr int most_tables = 64;
    std::vector<std::string> names{"DSDT", "SSDT"};
    for (int number = 1; number <= most_tables; ++number) names.push_back("SSDT" + std::to_string(number));
    for (const auto& name : names) {
        auto table = read_file(tables + "/" + name);
        if (table && table->find("_S5_") != std::string::npos) return true;
        if (!table && name != "SSDT" && name != "DSDT") return false;
    }
    return false;
}

// Threads of no owner use them, and signal handlers: they must outlive everything.
lone_thread early_sync;
lone_thread last_sync;

void sync_all(void*) noexcept { ::syscall(SYS_sync); }

struct watchdog {
    lone_thread thread;
    struct timespec end{};  // by the monotonic clock
    void (*action)() = nullptr;
};
watchdog watchdogs[3];  // of the way down, of a fault on it, and one to spare
std::atomic<void (*)()> alarm_action{nullptr};

bool is_over(const struct timespec& end) noexcept {
    struct timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec);
}

// What wakes it early, whatever that is, must not end the machine.
void keep_watch(void* argument) noexcept {
    auto* mine = static_cast<watchdog*>(argument);
    while (!is_over(mine->end)) ::syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &mine->end, nullptr);
    mine->action();
}

struct timespec from_now(struct timespec span) noexcept {
    constexpr long second = 1'000'000'000;
    struct timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += span.tv_sec + (time.tv_nsec + span.tv_nsec) / second;
    time.tv_nsec = (time.tv_nsec + span.tv_nsec) % second;
    return time;
}

struct timespec to_timespec(std::chrono::milliseconds duration) noexcept {
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    struct timespec time{};
    time.tv_sec = seconds.count();
    time.tv_nsec = std::chrono::nanoseconds(duration - seconds).count();
    return time;
}

void set_alarm(struct timespec limit, void (*action)()) noexcept {
    alarm_action.store(action);
    ::signal(SIGALRM, [](int) { alarm_action.load()(); });
    struct itimerval timer{};
    timer.it_value.tv_sec = limit.tv_sec;
    timer.it_value.tv_usec = limit.tv_nsec / 1000;
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

machine_end find_machine_end(const std::string& firmware) {
    if (!needs_acpi) return machine_end::power_off;
    // Whether sysfs is there at all: a boot can have failed before.
    if (::access(firmware.c_str(), F_OK) != 0) return machine_end::power_off;
    std::string acpi = firmware + "/acpi";
    if (::access(acpi.c_str(), F_OK) != 0) return machine_end::restart;
    auto table = read_file(acpi + "/tables/FACP");
    if (!table) return machine_end::power_off;
    if (!has_sleep_register(*table) || !has_s5(acpi + "/tables")) return machine_end::restart;
    return machine_end::power_off;
}

machine_end machine_end_named(const std::string& name) {
    if (name == "off") return machine_end::power_off;
    if (name == "restart") return machine_end::restart;
    if (name == "halt") return machine_end::halt;
    return find_machine_end();
}

void set_machine_end(machine_end wanted) noexcept {
    switch (wanted) {
        case machine_end::power_off:
            return reboot_command.store(RB_POWER_OFF);
        case machine_end::restart:
            return reboot_command.store(RB_AUTOBOOT);
        case machine_end::halt:
            return reboot_command.store(static_cast<int>(RB_HALT_SYSTEM));
    }
}

void end_machine() noexcept {
    if (::getpid() == 1) ::reboot(reboot_command.load());
}

void kill_all_processes(int signal) noexcept {
    if (::getpid() == 1) ::kill(-1, signal);
}

void begin_sync() noexcept { (void)early_sync.start(sync_all, nullptr); }

bool sync_within(std::chrono::milliseconds limit) noexcept {
    // One that is under way began with fewer writes than there are now, but a second one would hang where it does.
    if (last_sync.claim() && !last_sync.start_claimed(sync_all, nullptr)) return false;
    return last_sync.wait(to_timespec(limit));
}

void arm_watchdog(std::chrono::milliseconds limit, void (*action)()) noexcept {
    auto time = to_timespec(limit);
    for (auto& one : watchdogs) {
        if (!one.thread.claim()) continue;
        one.end = from_now(time);
        one.action = action;
        if (one.thread.start_claimed(keep_watch, &one)) return;
        break;
    }
    set_alarm(time, action);
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/cleanup.hpp"
#include "vminit/system/guest_clock.hpp"
#include "vminit/system/network.hpp"

namespace vminit::system {

/// Where things are. The defaults are right for PID 1 of a VM.
struct system_config {
    std::string version = "dev";  ///< the build's, for `info`
    bool has_container_init = false;  ///< as /init this program takes `--container-init` (reaper/container_init.hpp)
    std::string kernel_version_file = "/proc/version";
    std::string sysfs = "/sys";
    std::string devices = "/dev";
    std::string kernel_log = "/dev/kmsg";
    device_clock_reader read_device_clock = read_ptp_clock;
    std::string mount_table = "/proc/self/mountinfo";
    cleanup_options cleanup;
    clock::duration thaw_limit = std::chrono::seconds(60);  ///< frozen filesystems are thawed after this, asked or not
};

/// Which guest this is.
struct system_info {
    std::string version;
    std::string kernel_version;  ///< /proc/version without the newline; empty if it cannot be read
};

/// What a host tells a guest that slept in a snapshot.
struct resume_request {
    std::optional<wall_time> now;         ///< the time of day; nothing: the clock is left alone
    std::optional<clock::duration> step;  ///< instead of `now`: added to the clock
    std::string entropy;                  ///< at most 4096 bytes for the kernel's pool; empty: none
};

/// What became of it. The clock's own running apart, `after` is `before` if it was left alone.
struct resume_outcome {
    wall_time before{};
    wall_time after{};
    std::size_t entropy_bytes = 0;  ///< credited; then the kernel's generator was reseeded
};

/// The machine as hosts see it: facts, hotplug, freeze and thaw, network, clean-up.
///
/// Everything that can sleep in the kernel runs in the `blocking_service`. Cancelling a call stops the waiting, not a
/// system call under way. On shutdown of the context frozen filesystems are thawed.
class system_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit system_service(asio::execution_context& context);
    system_service(asio::execution_context& context, system_config config);
    ~system_service() override;

    awaitable<result<system_info>> info();

    /// Freezes every writable ext4 filesystem, one mount point each, and returns those mount points in mount order.
    /// What is frozen by us already counts as frozen. On a failure what this call froze is thawed. A freeze goes on
    /// when its caller is cancelled; who asks meanwhile gets its answer. Errors: internal
    /// `FIFREEZE <mount point>: <errno text>`, or `... thawed meanwhile`.
    awaitable<result<std::vector<std::string>>> freeze_filesystems();

    /// Thaws what we froze, also while a freeze is at work, which then fails; nothing frozen is success. Waits behind
    /// nothing: it runs in the rescue lane. Tries all; what fails stays on the list for the next call. Errors: internal
    /// `FITHAW <mount point>: <errno text>`, of the first; resource_exhausted when no thread can be had for it.
    awaitable<result<void>> thaw_filesystems();

    /// Now: frozen by us.
    std::size_t frozen_filesystems() const noexcept;

    /// sysfs hotplug; all idempotent. Errors: invalid_argument (the boot processor), not_found (no such unit, also
    /// after waiting two seconds for it to appear), failed_precondition (in use), internal (any other write error).
    awaitable<result<void>> offline_cpu(std::uint32_t cpu);
    awaitable<result<void>> online_cpu(std::uint32_t cpu);
    awaitable<result<void>> offline_memory(std::uint32_t block);

    /// Call it once when /sys has been mounted after this service was made, before any memory is plugged in: the blocks
    /// that are there then are those of the boot, which `offline_memory` refuses to take.
    void remember_boot_memory();

    /// Also onlines every other block that is offline: hosts name the DIMM slot, the kernel counts blocks of its own.
    awaitable<result<void>> online_memory(std::uint32_t block);

    /// `apply_link` in the pool: the device must be there. Returns what failed, which is for the log.
    awaitable<std::vector<error>> configure_link(link_settings link, bool wants_metadata_route);

    /// `clean_up` in the pool. Never fails; the problems are logged.
    awaitable<void> clean_up();

    /// Feeds the kernel's random pool, then sets or steps the clock. Errors: invalid_argument for both `now` and
    /// `step`, for a time outside 1970 to 2200 and for more than 4096 bytes of entropy; errno of the random ioctls or
    /// of clock_settime. The clock is untouched then.
    awaitable<result<resume_outcome>> resume(resume_request request);

    /// Moves the clock if asked to, then reads it. Errors: invalid_argument for a step and a slew, for a step to a time
    /// outside 1970 to 2200, for a slew of more than `longest_slew`; errno of clock_settime and adjtimex.
    awaitable<result<clock_state>> move_clock(clock_change change);

    const system_config& config() const noexcept;

private:
    void shutdown() noexcept override;

    class implementation;
    std::unique_ptr<implementation> impl_;
};

}  // namespace vminit::system

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/result.hpp"

namespace vminit::devices {

/// The extras disk: a plain tar on a virtio disk whose files are put into the guest at boot.
struct extras_settings {
    unsigned disk = 0;              ///< `spin.extras_disk=N`
    bool is_forced = false;         ///< `spin.extras_force`: also if the marker says it was done
    std::string marker = "/run/spin-stack/.extras-extracted";
    std::string root;               ///< put before every name; empty but in tests
};

/// Nothing without `spin.extras_disk`. Errors: invalid_argument `bad spin.extras_disk "<text>"` for what is not a number
/// up to 701 (`vdzz`).
result<std::optional<extras_settings>> parse_extras_settings(const kernel_cmdline& cmdline);

struct extras_report {
    bool was_done_before = false;  ///< the marker was there, nothing was done
    std::size_t files = 0;
    std::size_t directories = 0;
    std::size_t skipped = 0;       ///< links, devices, relative names
};

/// Waits for the disk, extracts it in the `blocking_service` and writes the marker. What was extracted before an error stays.
/// Errors: not_found if the disk does not come; whatever reading the tar or writing files says. The caller logs it and
/// the boot goes on.
awaitable<result<extras_report>> extract_extras(asio::io_context& context, extras_settings settings);

}  // namespace vminit::devices

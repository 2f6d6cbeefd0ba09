// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/result.hpp"

namespace vminit::devices {

/// The extras disk: a plain tar on a virtio disk whose files are put into the guest at boot.
struct extras_settings {
    unsigned disk = 0;       ///< `spin.extras_disk=N`: 0 is vda
    bool is_forced = false;  ///< `spin.extras_force`: also if the marker says it was done
    std::string marker = "/run/spin-stack/.extras-extracted";
    std::string root;  ///< put before every name; empty but in tests
};

/// The last disk number with a two-letter name, `vdzz`.
inline constexpr unsigned max_extras_disk = 701;

/// Nothing without `spin.extras_disk`. Errors: invalid_argument `bad spin.extras_disk "<text>"` for what is not a
/// number up to `max_extras_disk`.
result<std::optional<extras_settings>> parse_extras_settings(const kernel_cmdline& cmdline);

/// What became of an extras disk.
struct extras_report {
    bool was_done_before = false;  ///< the marker was there, nothing was done
    std::size_t files = 0;
    std::size_t directories = 0;
    std::size_t skipped = 0;    ///< links, devices, names that are not absolute, and what the guest has no place for
    std::string first_skipped;  ///< the name of the first of them, and why there is no place
};

/// Waits for the disk, extracts it in the `blocking_service` (`extract_tar`) and writes the marker. What was extracted
/// before an error stays. Errors: not_found if the disk does not come; those of `extract_tar`. The caller logs them and
/// the boot goes on.
awaitable<result<extras_report>> extract_extras(asio::io_context& context, extras_settings settings);

/// Extracts the tar (ustar, pax, GNU long names) that the file or block device `source` begins with to below `root`.
/// Blocks.
///
/// Regular files and directories with absolute names only; owners and times are ignored, modes taken without set-id
/// bits. Missing parents are made (0755). Files are written to a temporary and renamed. Symbolic links among the parents
/// are followed, but not out of `root`; one that is the last component of a file is replaced itself. A file that cannot
/// be placed where it belongs (a read-only file system, a link that leads nowhere, a mount point) is skipped. Errors:
/// errno with the path; resource_exhausted; data_loss for a damaged archive; out_of_range for an entry larger than
/// `source`.
result<extras_report> extract_tar(const std::string& source, const std::string& root);

}  // namespace vminit::devices

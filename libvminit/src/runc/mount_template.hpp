// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::runc {

/// What templates can name of an entry that is mounted already.
struct active_mount {
    std::string source;  ///< resolved: a device, not a serial number
    std::string target;
    std::string mount_point;
};

/// Replaces `{{ source N }}`, `{{ target N }}`, `{{ mount N }}` and `{{ overlay N M }}` (mount points joined with `:`
/// from N to M, up or down). Errors: `<kind> pattern: index out of bounds: <n>, has <k> active mounts`, `overlay
/// pattern: invalid range: <n>-<m>, has <k> active mounts`, `unsupported format pattern in "<text>"`.
result<std::string> expand_templates(std::string_view text, std::span<const active_mount> active);

/// `entry` with templates expanded in every option, source and target, if its type starts with `format/` (which goes).
/// Errors are prefixed with `formatting mount option "<o>": `, `... source`, `... target`.
result<system::mount_entry> format_entry(system::mount_entry entry, std::span<const active_mount> active);

}  // namespace vminit::runc

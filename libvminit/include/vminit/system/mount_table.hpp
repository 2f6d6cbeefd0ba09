// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::system {

/// One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), octal escapes decoded.
struct mount_info {
    int id = 0;
    int parent = 0;
    dev_t device = 0;           ///< of the filesystem; the same for all its mounts
    std::string root;           ///< which directory of the filesystem is mounted
    std::string mount_point;    ///< as seen from our root
    std::string options;        ///< of this mount: `rw,nosuid,...`
    std::string type;           ///< `ext4`, `tmpfs`, ...
    std::string source;         ///< `/dev/vda`, `none`, ...
    std::string super_options;  ///< of the filesystem

    /// True if `word` stands in `options` or in `super_options`, e.g. `ro`.
    bool has_option(std::string_view word) const noexcept;
};

/// True if `word` is one of the comma-separated words of `list`.
bool has_option_word(std::string_view list, std::string_view word) noexcept;

/// Replaces `\ooo` (three octal digits, as in `\040`) by the byte it means; anything else stays as it is.
std::string decode_octal_escapes(std::string_view text);

/// Parses the text of a mountinfo file, in file order. Lines that do not follow the format are skipped: a newer
/// kernel's extra fields must not hide the mounts we do understand.
std::vector<mount_info> parse_mount_table(std::string_view text);

/// Reads and parses `path`. Blocks only as long as procfs takes. Errors: errno of open or read.
result<std::vector<mount_info>> read_mount_table(const std::string& path = "/proc/self/mountinfo");

/// True if `path` is `directory` or lies below it; both absolute and clean. `/a/bc` is not below `/a/b`.
bool is_beneath(std::string_view path, std::string_view directory) noexcept;

}  // namespace vminit::system

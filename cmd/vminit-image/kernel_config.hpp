// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_fragments.hpp"
#include "vminit/core/result.hpp"

namespace vminit::image {

/// One option of a fragment.
struct kernel_need {
    std::string subject;  ///< the fragment's name
    std::string option;   ///< with CONFIG_
    std::string value = "y";
    std::string reason;  ///< the comment above it
    bool is_optional = false;
};

/// Reads one of docs/kernel: options are `CONFIG_X=y`, a comment is the reason of all options up to the next comment.
/// One that begins with `optional:` says that a guest works without them.
std::vector<kernel_need> parse_fragment(const kernel_fragment& fragment);

/// A kernel's own configuration: /boot/config-*, /proc/config.gz, .config. Options that are not set are not in it.
using kernel_config = std::map<std::string, std::string, std::less<>>;
kernel_config parse_kernel_config(std::string_view text);

/// The same from a file, compressed or not. Errors: of open; invalid_argument for a file without one option.
result<kernel_config> read_kernel_config(const std::string& path);

enum class need_state {
    met,
    as_module,  ///< wanted built in, is a module: fine with an initrd that loads it
    missing
};

struct checked_need {
    kernel_need need;
    need_state state = need_state::met;
    std::string found;  ///< its value there; empty: not set
};

/// All needs of the named subjects, compared with a kernel. Errors: not_found for a subject that there is no fragment
/// of.
result<std::vector<checked_need>> check_kernel(const kernel_config& config,
                                               const std::vector<kernel_fragment>& fragments,
                                               const std::vector<std::string>& subjects);

}  // namespace vminit::image

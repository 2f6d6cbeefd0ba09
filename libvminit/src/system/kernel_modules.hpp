// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "module_parameters.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/boot_plan.hpp"

namespace vminit::system {

/// The paths in a module list: one a line, in load order; blank lines and `#` comments are left out.
std::vector<std::string> parse_module_list(std::string_view text);

/// How many of `paths`, from the first on, must be loaded before we can serve: up to the last whose file name says
/// `vsock`, all if none does.
std::size_t count_serving_modules(const std::vector<std::string>& paths);

/// The modules of a list, loaded in two goes: what serving needs, then the rest. Each gets its parameters from the kernel
/// command line. May be used from several threads: whoever asks for the rest waits until it is loaded.
class module_loader {
public:
    /// `boot_steps`' load_serving_modules.
    result<void> load_serving(const std::string& list, const std::string& cmdline, step_notes& notes);

    /// `boot_steps`' load_other_modules.
    result<void> load_rest(step_notes& notes);

private:
    std::mutex mutex_;
    module_parameters parameters_;
    std::vector<std::string> left_;
    std::vector<std::string> loaded_;
};

/// The one of this boot. A mount whose filesystem type the kernel does not know asks it for the rest.
module_loader& boot_modules();

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cpio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::image {

struct initrd_options {
    std::string output;
    std::string init;                  ///< becomes /init, with its libraries
    std::string runtime;               ///< becomes /sbin/<its name>, with its libraries; empty: none
    std::string module_directory;      ///< lib/modules/RELEASE of the guest's kernel; empty: no modules
    std::vector<std::string> modules;  ///< those that must be there (or built in)
    std::vector<std::string> usual;    ///< those that are taken if that kernel has them
    std::string module_list;           ///< this file as /etc/vminit/modules, instead of the one we make; empty: ours
    std::vector<std::pair<std::string, std::string>> files;  ///< of this machine, and where they go
    bool keeps_signatures = false;
    compression how = compression::none;
};

/// What a guest of any VMM is good for: its devices by PCI and by MMIO, containers' root file systems, network.
extern const std::vector<std::string> usual_modules;

/// Makes an initrd around an init: /init, the runtime, the modules and in /etc/vminit/modules their load order, and the
/// directories that vminitd mounts on. The same input gives the same bytes. Errors: invalid_argument for an init that
/// is no executable file; those of what it is made of, which are named.
result<void> make_initrd(const initrd_options& options);

}  // namespace vminit::image

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// Where a kernel's modules are: `directory` is what depmod(8) has indexed, e.g. /lib/modules/6.1.0-42-cloud-amd64.
/// Returns the paths of the modules `needed`, of those `usual` that this kernel has, and of what they need, soft needs
/// too, in the order in which they can be loaded; what is built into that kernel is left out. Names may be aliases.
/// Errors: not_found names the module; those of libkmod.
result<std::vector<std::string>> modules_in_load_order(const std::string& directory,
                                                       const std::vector<std::string>& needed,
                                                       const std::vector<std::string>& usual);

/// The module as finit_module(2) takes it from any kernel: decompressed, and without its signature, whose check is four
/// fifths of the instructions of a guest's boot. (A kernel with CONFIG_MODULE_SIG_FORCE wants it: `keeps_signature`.)
result<std::string> module_bytes(const std::string& path, bool keeps_signature);

/// Cuts what scripts/sign-file appended: signature, 12 bytes of which the last four are its length in network order,
/// and a mark (kernel: include/linux/module_signature.h).
void remove_signature(std::string& module);

}  // namespace vminit::image

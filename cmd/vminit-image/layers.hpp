// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// Told before each layer: which of how many.
using layer_progress = std::function<void(std::size_t layer, std::size_t count)>;

/// What could not be made, and is left out.
struct layers_report {
    std::size_t entries = 0;
    std::size_t left_out = 0;  ///< device nodes, where the kernel lets only root of the machine make them
};

/// Unpacks tars one over the other below `directory`, as the OCI image specification says (layer.md): whiteouts
/// (`.wh.NAME`) take away what lies below, opaque ones (`.wh..wh..opq`) all of a directory that is not of the same
/// layer. Owners (numbers, never names), modes, times, extended attributes and hard links are those of the tars.
///
/// The work is done by a thread whose root is `directory`: no name and no link of a layer leads out of it. Needs
/// CAP_SYS_CHROOT and CAP_CHOWN, at least those of a user namespace. Errors: those of open, chroot and libarchive.
result<layers_report> unpack_layers(const std::vector<std::string>& layers, const std::string& directory,
                                    const layer_progress& progress);

}  // namespace vminit::image

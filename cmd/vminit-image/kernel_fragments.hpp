// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace vminit::image {

/// One file of docs/kernel: a piece of a kernel's configuration about one subject.
struct kernel_fragment {
    std::string_view name;  ///< of the file, without `.config`
    std::string_view text;
};

/// All of them, in the order of their names.
const std::vector<kernel_fragment>& kernel_fragments();

}  // namespace vminit::image

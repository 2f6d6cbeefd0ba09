// SPDX-License-Identifier: Apache-2.0
#include "version.hpp"

#include <fmt/format.h>

#ifndef VMINIT_COMMIT
#define VMINIT_COMMIT "unknown"
#endif
#ifndef VMINIT_BUILT
#define VMINIT_BUILT "unknown"
#endif

namespace vminit::vminitd {

std::string version() { return VMINIT_VERSION; }

std::string version_text() {
    return fmt::format("vminitd {} (commit: {}, built: {}, compiler: {})\n", VMINIT_VERSION, VMINIT_COMMIT, VMINIT_BUILT,
                       __VERSION__);
}

}  // namespace vminit::vminitd

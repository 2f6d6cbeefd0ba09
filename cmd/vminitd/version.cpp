#include "version.hpp"

#include <fmt/format.h>

#ifndef VMINIT_COMMIT
#define VMINIT_COMMIT "unknown"
#endif

namespace vminit::vminitd {

std::string version() { return VMINIT_VERSION; }

std::string version_text() {
    return fmt::format("vminitd {} (commit: {}, compiler: {})\n", VMINIT_VERSION, VMINIT_COMMIT, __VERSION__);
}

}  // namespace vminit::vminitd

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vminit::vminitd {

/// The version alone, as System.Info answers it; `dev` when it was not built from a release.
std::string version();

/// The line `-version` prints: `vminitd <version> (commit: <c>, built: <d>, ...)`.
std::string version_text();

}  // namespace vminit::vminitd

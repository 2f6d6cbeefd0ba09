// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vminit {

/// What these sources are: the abbreviated commit, with `+` behind it if files were changed since; what $VMINIT_COMMIT said
/// when it was built (packages are built without git); or empty.
std::string build_commit();

/// `VERSION (COMMIT)`, or the version alone.
inline std::string version_with_commit(const std::string& version) {
    auto commit = build_commit();
    return commit.empty() ? version : version + " (" + commit + ")";
}

}  // namespace vminit

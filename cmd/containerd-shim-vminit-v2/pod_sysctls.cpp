// SPDX-License-Identifier: Apache-2.0
#include "pod_sysctls.hpp"

#include <fmt/format.h>

namespace vminit::shim {

result<void> pod_sysctls::check(const values& wanted) const {
    for (const auto& [name, value] : wanted) {
        auto found = set_.find(name);
        if (found == set_.end() || found->second == value) continue;
        return error(
            errc::failed_precondition,
            fmt::format("sysctl {}={}: another container of this VM has set it to {}", name, value, found->second));
    }
    return {};
}

}  // namespace vminit::shim

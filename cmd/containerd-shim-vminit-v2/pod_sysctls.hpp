// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit::shim {

/// The `net.*` sysctls of one VM: with runc each container could have its own, here the VM is the border of the
/// network, and the guest sets what it is told for the whole of it. So a container that wants another value than the
/// ones before it is refused.
class pod_sysctls {
public:
    using values = std::map<std::string, std::string>;

    /// Whether a container with these may come in. Errors: failed_precondition naming the sysctl and both values.
    result<void> check(const values& wanted) const;

    /// It has come in. Values stay until the VM's end, as they do in the guest.
    void add(const values& wanted) { set_.insert(wanted.begin(), wanted.end()); }

    /// The VM has ended.
    void clear() noexcept { set_.clear(); }

private:
    values set_;
};

}  // namespace vminit::shim

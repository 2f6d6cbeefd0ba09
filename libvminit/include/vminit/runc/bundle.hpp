// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>

#include "vminit/core/result.hpp"

namespace vminit::runc {

/// Makes OCI bundle directories from what the host sends. They live on a tmpfs: its calls do not sleep for long.
class bundle_store {
public:
    explicit bundle_store(std::string root = "/run/bundles") : root_(std::move(root)) {}

    const std::string& root() const noexcept { return root_; }

    /// Makes `<root>/<id>` and `<root>/<id>/rootfs` (0750 before umask) and writes each file (0600); returns the
    /// directory. Everything is validated before anything is made; on an error the directory is gone again.
    ///
    /// Errors: invalid_argument with the texts of the bundle API; already_exists `bundle <id>`; resource_exhausted when
    /// the filesystem is full; else internal with the OS text.
    result<std::string> create(const std::string& id, const std::map<std::string, std::string>& files) const;

private:
    std::string root_;
};

}  // namespace vminit::runc

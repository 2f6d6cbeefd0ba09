// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "oci_spec.hpp"
#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// Fills in what an image says of its process and the command line does not: entrypoint and command, environment,
/// working directory, user. `json` is a configuration of the OCI image specification (config.md), as `vminit-image
/// disk` leaves it beside a disk; `origin` names it in errors. Arguments that are given take the place of the image's
/// command, not of its entrypoint; variables that are given win. Errors: invalid_argument for what is no such document,
/// for a user by name (the names are in a rootfs that we do not see), and when nobody says what to run.
result<void> apply_image_config(std::string_view json, const std::string& origin, process_options& process);

/// The same from a file, of at most 4 MiB. Errors: of open, too.
result<void> apply_image_config_file(const std::string& path, process_options& process);

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace vminit::runc {

/// True if the container gets a pid namespace of its own: `linux.namespaces` has a `pid` entry without a path. False
/// also for a document that cannot be read: then its processes must be killed one by one.
bool has_private_pid_namespace(std::string_view config_json);

/// The same for `<bundle>/config.json`.
bool bundle_has_private_pid_namespace(const std::string& bundle);

}  // namespace vminit::runc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "process/process_context.hpp"

/// Which directories of a container are ours to remove, and where a runtime may keep its state.
namespace vminit::process {

/// True if Bundle.Create made `bundle`: it lies directly in `bundles`, where nobody else makes anything. All others
/// belong to who made them and are never removed. `bundles` empty: none is ours.
bool is_own_bundle(const std::string& bundle, const std::string& bundles);

/// Removes the file at `path` in `bundle`, if it is there.
awaitable<void> erase_in_bundle(std::shared_ptr<process_context> context, std::string bundle, std::string path);

/// Removes `bundle` if it is ours, never through a mount. What cannot be removed is logged: it costs memory, no more.
awaitable<void> remove_own_bundle(std::shared_ptr<process_context> context, std::string bundle);

/// `Options.root`: empty, or an absolute path without `.` and `..` that neither holds `bundles` nor lies in it, so that
/// `<root>/<id>` is nobody's but the runtime's. Errors: invalid_argument `runtime root "<root>": <why>`.
result<void> check_runtime_root(const std::string& root, const std::string& bundles);

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#include "process/own_places.hpp"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "vminit/core/syscalls.hpp"
#include "vminit/system/cleanup.hpp"

namespace vminit::process {

namespace {

namespace fs = std::filesystem;

// `inner` is `outer` or below it; both absolute and without `.` and `..`. `//` and a `/` at the end do not matter.
bool lies_in(const fs::path& inner, const fs::path& outer) {
    auto at = inner.begin();
    for (const auto& part : outer) {
        if (part.empty()) continue;
        if (at == inner.end() || *at != part) return false;
        ++at;
    }
    return true;
}

// Why nobody's state may be kept there, or null.
const char* objection_to(const std::string& root, const std::string& bundles) {
    if (!root.starts_with('/')) return "not an absolute path";
    if (root.find('\0') != std::string::npos) return "not a path";
    fs::path path(root);
    for (const auto& part : path) {
        if (part == "." || part == "..") return "not a plain path";
    }
    if (lies_in("/", path)) return "the root of the file system";
    if (bundles.empty()) return nullptr;
    return lies_in(path, bundles) || lies_in(bundles, path) ? "bundles lie there" : nullptr;
}

}  // namespace

bool is_own_bundle(const std::string& bundle, const std::string& bundles) {
    if (bundles.empty() || !bundle.starts_with(bundles + "/")) return false;
    auto name = bundle.substr(bundles.size() + 1);
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

awaitable<void> erase_in_bundle(std::shared_ptr<process_context> context, std::string bundle, std::string path) {
    auto job = [path = std::move(path)] {
        return syscalls::attempt("unlink", path, [&] { return ::unlink(path.c_str()); });
    };
    (void)co_await context->runc.in_bundle(std::move(bundle), std::move(job));
}

awaitable<void> remove_own_bundle(std::shared_ptr<process_context> context, std::string bundle) {
    if (!is_own_bundle(bundle, context->config.bundles)) co_return;
    auto job = [bundle]() -> result<void> { return system::remove_tree(bundle); };
    auto removed = co_await context->blocking.run(blocking_lane::mounts, std::move(job), "remove " + bundle);
    if (!removed) context->log.warn("bundle not removed", {{"bundle", bundle}, {"error", removed.error()}});
}

result<void> check_runtime_root(const std::string& root, const std::string& bundles) {
    const char* objection = root.empty() ? nullptr : objection_to(root, bundles);
    if (objection == nullptr) return {};
    return error(errc::invalid_argument, "runtime root \"" + root + "\": " + objection);
}

}  // namespace vminit::process

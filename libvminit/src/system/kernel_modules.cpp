// SPDX-License-Identifier: Apache-2.0
#include "kernel_modules.hpp"

#include <linux/module.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "initial_ramfs.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/system/boot_steps.hpp"

namespace vminit::system {

namespace {

bool is_compressed(std::string_view path) {
    return path.ends_with(".xz") || path.ends_with(".zst") || path.ends_with(".gz");
}

result<void> load_with(const unique_fd& file, const std::string& path, const std::string& parameters) {
    int flags = is_compressed(path) ? MODULE_INIT_COMPRESSED_FILE : 0;
    auto loaded = syscalls::attempt("finit_module", path, [&] {
        return ::syscall(SYS_finit_module, file.get(), parameters.c_str(), flags);
    });
    if (!loaded && syscalls::is_errno(loaded.error(), EEXIST)) return {};
    return loaded;
}

// For a value that it does not like the kernel refuses the whole module: better without it than not at all.
void load_module(const std::string& path, const std::string& parameters, step_notes& notes) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) return notes.degraded(file.error());
    auto loaded = load_with(*file, path, parameters);
    if (loaded) return;
    if (parameters.empty()) return notes.degraded(loaded.error());
    notes.degraded(loaded.error().message() + " (with " + parameters + ")");
    notes.expect(load_with(*file, path, {}));
}

}  // namespace

std::vector<std::string> parse_module_list(std::string_view text) {
    std::vector<std::string> paths;
    while (!text.empty()) {
        auto end = text.find('\n');
        auto line = trimmed(text.substr(0, end));
        if (!line.empty() && line.front() != '#') paths.emplace_back(line);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return paths;
}

std::size_t count_serving_modules(const std::vector<std::string>& paths) {
    for (auto count = paths.size(); count > 0; --count) {
        std::string_view path = paths[count - 1];
        if (path.substr(path.rfind('/') + 1).find("vsock") != std::string_view::npos) return count;
    }
    return paths.size();
}

result<void> module_loader::load_serving(const std::string& list, const std::string& cmdline, step_notes& notes) {
    auto text = read_file(list);
    if (!text) {
        if (syscalls::is_errno(text.error(), ENOENT)) return {};
        return text.error();
    }
    std::lock_guard lock(mutex_);
    auto words = read_file(cmdline);
    if (!words) notes.degraded(words.error());
    parameters_ = module_parameters(words ? std::string_view(*words) : std::string_view());
    auto paths = parse_module_list(*text);
    auto rest = paths.begin() + static_cast<std::ptrdiff_t>(count_serving_modules(paths));
    for (auto path = paths.begin(); path != rest; ++path) load_module(*path, parameters_.for_module(*path), notes);
    loaded_.assign(paths.begin(), rest);
    left_.assign(rest, paths.end());
    return {};
}

result<void> module_loader::load_rest(step_notes& notes) {
    std::lock_guard lock(mutex_);
    for (auto& path : std::exchange(left_, {})) {
        load_module(path, parameters_.for_module(path), notes);
        loaded_.push_back(std::move(path));
    }
    auto loaded = std::exchange(loaded_, {});
    if (loaded.empty()) return {};
    auto table = read_mount_table();
    if (!table || !is_initial_ramfs(*table)) return {};
    for (const auto& path : loaded) ::unlink(path.c_str());
    return {};
}

module_loader& boot_modules() {
    static module_loader loader;
    return loader;
}

result<void> steps::load_serving_modules(const std::string& list, const std::string& cmdline, step_notes& notes) {
    return boot_modules().load_serving(list, cmdline, notes);
}

result<void> steps::load_other_modules(step_notes& notes) { return boot_modules().load_rest(notes); }

}  // namespace vminit::system

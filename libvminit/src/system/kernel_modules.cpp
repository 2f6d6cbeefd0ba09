#include "kernel_modules.hpp"

#include <linux/module.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "initial_ramfs.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/boot_steps.hpp"

namespace vminit::system {

namespace {

// Between the boot, the pool thread that loads the rest, and mounts that need a filesystem type from it.
struct {
    std::mutex mutex;
    std::vector<std::string> paths;
    std::vector<std::string> loaded;
} modules_left;

bool is_compressed(std::string_view path) {
    return path.ends_with(".xz") || path.ends_with(".zst") || path.ends_with(".gz");
}

result<void> load_module(const std::string& path) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) return file.error();
    int flags = is_compressed(path) ? MODULE_INIT_COMPRESSED_FILE : 0;
    auto loaded =
        syscalls::check("finit_module", path, [&] { return ::syscall(SYS_finit_module, file->get(), "", flags); });
    if (loaded || syscalls::is_errno(loaded.error(), EEXIST)) return {};
    return loaded.error();
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

result<void> steps::load_serving_modules(const std::string& list, step_notes& notes) {
    auto text = read_file(list);
    if (!text) {
        if (syscalls::is_errno(text.error(), ENOENT)) return {};
        return text.error();
    }
    auto paths = parse_module_list(*text);
    auto rest = paths.begin() + static_cast<std::ptrdiff_t>(count_serving_modules(paths));
    for (auto path = paths.begin(); path != rest; ++path) notes.expect(load_module(*path));
    std::lock_guard lock(modules_left.mutex);
    modules_left.loaded.assign(paths.begin(), rest);
    modules_left.paths.assign(rest, paths.end());
    return {};
}

result<void> steps::load_other_modules(step_notes& notes) {
    std::lock_guard lock(modules_left.mutex);
    for (auto& path : std::exchange(modules_left.paths, {})) {
        notes.expect(load_module(path));
        modules_left.loaded.push_back(std::move(path));
    }
    auto loaded = std::exchange(modules_left.loaded, {});
    if (loaded.empty()) return {};
    auto table = read_mount_table();
    if (!table || !is_initial_ramfs(*table)) return {};
    for (const auto& path : loaded) ::unlink(path.c_str());
    return {};
}

}  // namespace vminit::system

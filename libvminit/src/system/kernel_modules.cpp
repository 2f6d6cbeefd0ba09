#include "kernel_modules.hpp"

#include <linux/module.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/boot_steps.hpp"

namespace vminit::system {

namespace {

bool is_errno(const error& failure, int value) {
    return failure.code() == error_code(value, boost::system::system_category());
}

bool is_compressed(std::string_view path) {
    return path.ends_with(".xz") || path.ends_with(".zst") || path.ends_with(".gz");
}

result<void> load_module(const std::string& path) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) return file.error();
    int flags = is_compressed(path) ? MODULE_INIT_COMPRESSED_FILE : 0;
    auto loaded = syscalls::check("finit_module", path,
                                  [&] { return ::syscall(SYS_finit_module, file->get(), "", flags); });
    if (loaded || is_errno(loaded.error(), EEXIST)) return {};
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

result<void> steps::load_modules(const std::string& list, step_notes& notes) {
    auto text = read_file(list);
    if (!text) {
        if (is_errno(text.error(), ENOENT)) return {};
        return text.error();
    }
    for (const auto& path : parse_module_list(*text)) notes.expect(load_module(path));
    return {};
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#include "root_storage.hpp"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

// Programs of every user follow the links, so not below /run/vminitd.
constexpr const char* image_place = "/run/vminit-root";
constexpr const char* stage_place = "/run/vminit-stage";

result<void> bind_mount(const std::string& source, const std::string& target) {
    return syscalls::attempt("mount", target,
                             [&] { return ::mount(source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr); });
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string parent_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

// The root without what is mounted on it.
result<void> show_image(const std::string& root, const std::string& directory) {
    std::string image = root + image_place;
    if (is_there(image + directory)) return {};
    if (auto made = make_directories(image, 0755); !made) return made;
    return bind_mount(root.empty() ? "/" : root, image);
}

result<void> link_entries(const std::string& source, const std::string& target, const std::string& shown_as) {
    std::error_code failed;
    for (std::filesystem::directory_iterator entry(source, failed), end; !failed && entry != end;
         entry.increment(failed)) {
        auto name = entry->path().filename().string();
        auto text = entry->is_symlink(failed) ? std::filesystem::read_symlink(entry->path(), failed).string()
                                              : shown_as + "/" + name;
        auto path = target + "/" + name;
        auto linked = syscalls::attempt("symlink", path, [&] { return ::symlink(text.c_str(), path.c_str()); });
        if (!linked) return linked;
    }
    if (failed) return error(error_code(failed), "list " + source);
    return {};
}

// Whoever looks meanwhile finds what the directory holds, before and after.
result<void> fill_and_move(const std::string& root, const std::string& stage, const std::string& directory) {
    auto filled = link_entries(root + directory, stage, root + image_place + directory);
    if (!filled) return filled;
    auto target = root + directory;
    return syscalls::attempt("mount", target,
                             [&] { return ::mount(stage.c_str(), target.c_str(), nullptr, MS_MOVE, nullptr); });
}

// In a cover a directory of the image is a link: a mount would lie on the image, and its links lead to itself.
bool is_link_in_cover(const std::string& path) {
    struct stat status{};
    bool is_link = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
    return is_link && storage_of(parent_of(path)) == storage::memory;
}

result<void> replace_link(const std::string& path, const std::string& image) {
    auto removed = syscalls::attempt("unlink", path, [&] { return ::unlink(path.c_str()); });
    if (!removed) return removed;
    if (auto made = make_directories(path, 0755); !made) return made;
    return link_entries(image, path, image);
}

}  // namespace

storage storage_of(const std::string& path) {
    struct statfs status{};
    std::string place = path;
    while (!place.empty() && ::statfs(place.c_str(), &status) != 0) place = parent_of(place);
    if (place.empty() && ::statfs("/", &status) != 0) return storage::read_only;
    if ((status.f_flags & ST_RDONLY) != 0) return storage::read_only;
    auto type = static_cast<unsigned long>(status.f_type);
    return type == TMPFS_MAGIC || type == RAMFS_MAGIC ? storage::memory : storage::disk;
}

result<void> cover_with_memory(const std::string& root, const std::string& directory) {
    if (auto shown = show_image(root, directory); !shown) return shown;
    if (is_link_in_cover(root + directory)) return replace_link(root + directory, root + image_place + directory);
    std::string stage = root + stage_place;
    if (auto made = make_directories(stage, 0755); !made) return made;
    auto mounted = syscalls::attempt("mount", stage, [&] {
        return ::mount("tmpfs", stage.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=16m");
    });
    auto moved = mounted ? fill_and_move(root, stage, directory) : mounted;
    if (mounted && !moved) ::umount2(stage.c_str(), MNT_DETACH);
    ::rmdir(stage.c_str());
    return moved;
}

result<void> provide_directory(const std::string& root, const std::string& path) {
    auto made = make_directories(root + path, 0755);
    if (made || !syscalls::is_errno(made.error(), EROFS)) return made;
    auto parent = parent_of(path);
    while (!parent.empty() && !is_there(root + parent)) parent = parent_of(parent);
    if (parent.empty()) return made;
    if (auto covered = cover_with_memory(root, parent); !covered) return covered;
    return make_directories(root + path, 0755);
}

result<void> provide_etc_file(const std::string& root, const std::string& name, std::string_view text) {
    std::string path = root + "/etc/" + name;
    if (storage_of(root + "/etc") == storage::memory) return replace_file(path, text, 0644);
    std::string source = root + "/run/vminitd/" + name;
    if (auto made = make_directories(root + "/run/vminitd", 0750); !made) return made;
    if (auto written = replace_file(source, text, 0644); !written) return written;
    // Something to lie on: also where a link of the image leads, into /run, say.
    if (!is_there(path) && !syscalls::open(path, O_WRONLY | O_CREAT, 0644)) {
        if (auto covered = cover_with_memory(root, "/etc"); !covered) return covered;
        return replace_file(path, text, 0644);
    }
    return bind_mount(source, path);
}

}  // namespace vminit::system

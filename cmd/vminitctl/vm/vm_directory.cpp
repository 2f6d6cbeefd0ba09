// SPDX-License-Identifier: Apache-2.0
#include "vm/vm_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::vminitctl {

namespace {

constexpr int removal_tries = 100;
constexpr auto removal_pause = std::chrono::milliseconds(10);

constexpr std::string_view lock_file = "vm.lock";
constexpr std::string_view made_here = "made\n";
constexpr int most_tries = 100;  // each means that another VM has just ended there

// In a directory that was there before us, only what carries one of our names is ours.
bool is_ours(const std::string& name) {
    constexpr std::array<std::string_view, 12> names{"vm.json",  "console.log", "console.log.old", "keeper.log",
                                                     "qemu.log", "vsock.log",   "kernel.log",      "memory",
                                                     "qmp.sock", "vhost.sock",  "ended",           "command"};
    for (auto known : names) {
        if (name == known) return true;
    }
    return name.starts_with("vm.sock");
}

// The file may have been removed, with the directory, between the opening and the locking.
bool is_still_there(int fd, const std::string& path) {
    struct stat held = {};
    struct stat named = {};
    return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
}

bool try_lock(int fd, int kind) {
    return static_cast<bool>(syscalls::raw("flock", [&] { return ::flock(fd, kind | LOCK_NB); }));
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

std::string vm_directory::file(std::string_view name) const { return path_ + "/" + std::string(name); }

result<vm_directory> vm_directory::take(std::string path) {
    vm_directory taken;
    taken.path_ = std::move(path);
    auto lock = taken.file(lock_file);
    for (int tries = 0; tries < most_tries; ++tries) {
        bool is_new = !exists(taken.path_);
        if (auto made = make_directories(taken.path_, 0700); !made) return made.error();
        auto opened = syscalls::open(lock, O_RDWR | O_CREAT, 0600);
        if (!opened && syscalls::is_errno(opened.error(), ENOENT)) continue;
        if (!opened) return opened.error();
        if (!try_lock(opened->get(), LOCK_EX)) return error(errc::already_exists, "a VM runs in " + taken.path_);
        if (!is_still_there(opened->get(), lock)) continue;
        if (is_new) (void)write_file(lock, made_here);
        auto text = read_file(lock);
        taken.is_made_ = text && *text == made_here;
        taken.lock_ = std::move(*opened);
        taken.clear();
        return taken;
    }
    return error(errc::unavailable, "VMs come and go in " + taken.path_);
}

void vm_directory::clear() noexcept {
    std::error_code ignored;
    std::vector<std::filesystem::path> gone;
    std::filesystem::directory_iterator entries(path_, ignored);
    for (; !ignored && entries != std::filesystem::directory_iterator(); entries.increment(ignored)) {
        auto name = entries->path().filename().string();
        if (name != lock_file && (is_made_ || is_ours(name))) gone.push_back(entries->path());
    }
    for (const auto& each : gone) std::filesystem::remove_all(each, ignored);
}

void vm_directory::remove() noexcept {
    if (path_.empty()) return;
    // A program that has just been killed can still have made a file.
    for (int tries = 0; tries < removal_tries; ++tries) {
        clear();
        ::unlink(file(lock_file).c_str());
        auto removed = syscalls::raw("rmdir", [&] { return is_made_ ? ::rmdir(path_.c_str()) : 0; });
        if (removed || removed.error().value() != ENOTEMPTY) break;
        std::this_thread::sleep_for(removal_pause);
    }
    lock_.reset();
}

vm_ownership ownership_of(const std::string& directory) {
    auto lock = syscalls::open(directory + "/" + std::string(lock_file), O_RDONLY);
    if (!lock) return vm_ownership::none;
    return try_lock(lock->get(), LOCK_SH) ? vm_ownership::left : vm_ownership::kept;
}

}  // namespace vminit::vminitctl

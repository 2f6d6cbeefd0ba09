// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "system/tree_calls.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::system {

namespace {

bool is_name(std::string_view text) {
    return !text.empty() && text != "." && text != ".." && text.find_first_of(std::string_view("/\0", 2)) == text.npos;
}

// Names between single slashes.
bool is_below(std::string_view path) {
    while (true) {
        auto name = path.substr(0, path.find('/'));
        if (!is_name(name)) return false;
        if (name.size() == path.size()) return true;
        path.remove_prefix(name.size() + 1);
    }
}

error refused(const std::string& path, std::string_view why) {
    return error(errc::invalid_argument, path + ": " + std::string(why));
}

std::string temporary_name() {
    std::uint64_t number = 0;
    (void)::getrandom(&number, sizeof number, GRND_NONBLOCK);
    return ".vminit-copy-" + std::to_string(number);
}

result<void> set_owner(int fd, const file_entry& entry, const std::string& path) {
    return tree_step("chown", path, [&] { return ::fchown(fd, entry.uid, entry.gid); });
}

// After the owner: chown(2) takes set-user-id bits away.
result<void> set_mode(int fd, const file_entry& entry, const std::string& path) {
    return tree_step("chmod", path, [&] { return ::fchmod(fd, entry.mode & 07777); });
}

result<void> set_time(int fd, const file_entry& entry, const std::string& path) {
    constexpr std::int64_t second = 1'000'000'000;
    auto part = (entry.modified % second + second) % second;
    timespec modified{static_cast<time_t>((entry.modified - part) / second), static_cast<long>(part)};
    timespec times[] = {{0, UTIME_OMIT}, modified};
    return tree_step("utimens", path, [&] { return ::futimens(fd, times); });
}

}  // namespace

result<std::unique_ptr<tree_writer>> tree_writer::open(unique_fd root, std::string path, const std::string& name) {
    if (path.find('\0') != std::string::npos) return refused("path", "it contains NUL");
    if (!name.empty() && !is_name(name)) return refused(name, "not a file's name");
    while (path.ends_with('/')) path.pop_back();
    auto is_directory = open_in_root(root.get(), path + "/", O_PATH | O_DIRECTORY).has_value();
    if (!is_directory || name.empty()) return std::unique_ptr<tree_writer>(new tree_writer(std::move(root), path, 0));
    // Whoever named the directory did not mean what a link in it leads to.
    return std::unique_ptr<tree_writer>(new tree_writer(std::move(root), path + "/" + name, O_NOFOLLOW));
}

tree_writer::~tree_writer() { drop_file(); }

std::string tree_writer::shown(const file_entry& entry) const {
    return entry.path.empty() ? base_ : base_ + "/" + entry.path;
}

result<void> tree_writer::check(const file_entry& entry) const {
    if (entry.path.empty() && has_begun_) return refused(base_, "it has been copied already");
    if (entry.path.empty()) return {};
    if (!top_) return refused(entry.path, "not below a directory that is copied");
    return is_below(entry.path) ? result<void>() : refused(entry.path, "not a path below the copy");
}

// What is there already.
result<unique_fd> tree_writer::open_directory(const file_entry& entry) const {
    if (!entry.path.empty()) return open_beneath(top_.get(), entry.path, O_PATH | O_DIRECTORY);
    return open_in_root(root_.get(), base_.empty() ? "/" : base_, O_PATH | O_DIRECTORY | base_flags_);
}

result<tree_writer::place> tree_writer::place_of(const file_entry& entry) const {
    const auto& path = entry.path.empty() ? base_ : entry.path;
    auto slash = path.rfind('/');
    place found;
    found.name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (!is_name(found.name)) return refused(path, "not a file's name");
    auto parent = slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
    auto opened = entry.path.empty() ? open_in_root(root_.get(), parent, O_PATH | O_DIRECTORY)
                                     : open_beneath(top_.get(), parent, O_PATH | O_DIRECTORY);
    if (!opened) return opened.error();
    found.parent = std::move(*opened);
    return found;
}

result<void> tree_writer::begin(const file_entry& entry) {
    if (auto finished = finish(); !finished) return finished;
    if (auto checked = check(entry); !checked) return checked;
    result<void> made;
    if (entry.kind == file_kind::directory) {
        made = make_directory(entry);
    } else if (entry.kind == file_kind::symlink) {
        made = make_link(entry);
    } else if (entry.kind == file_kind::hard_link) {
        made = make_hard_link(entry);
    } else if (entry.kind == file_kind::file) {
        made = begin_file(entry);
    } else {
        made = refused(shown(entry), "neither file, directory nor symbolic link");
    }
    has_begun_ = true;
    if (made) ++entries_;
    return made;
}

result<void> tree_writer::make_directory(const file_entry& entry) {
    auto directory = open_directory(entry);
    if (!directory) directory = make_new_directory(entry);
    if (!directory) return directory.error();
    if (entry.path.empty()) top_ = std::move(*directory);
    return {};
}

result<unique_fd> tree_writer::make_new_directory(const file_entry& entry) {
    auto at = place_of(entry);
    if (!at) return at.error();
    auto path = shown(entry);
    const char* name = at->name.c_str();
    auto made = tree_step("mkdir", path, [&] { return ::mkdirat(at->parent.get(), name, 0700); });
    if (!made) return made.error();
    auto directory = tree_open(
        path, [&] { return ::openat(at->parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); });
    if (!directory) return directory;
    auto fitted = set_owner(directory->get(), entry, path);
    if (fitted) fitted = set_mode(directory->get(), entry, path);
    if (!fitted) return fitted.error();
    return directory;
}

result<void> tree_writer::make_link(const file_entry& entry) {
    auto at = place_of(entry);
    if (!at) return at.error();
    auto path = shown(entry);
    if (entry.target.empty() || entry.target.find('\0') != std::string::npos) return refused(path, "a link to nothing");
    auto temporary = temporary_name();
    int parent = at->parent.get();
    auto made =
        tree_step("symlink", path, [&] { return ::symlinkat(entry.target.c_str(), parent, temporary.c_str()); });
    if (!made) return made;
    made = tree_step("chown", path,
                     [&] { return ::fchownat(parent, temporary.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW); });
    if (made) {
        made =
            tree_step("rename", path, [&] { return ::renameat(parent, temporary.c_str(), parent, at->name.c_str()); });
    }
    if (!made) (void)::unlinkat(parent, temporary.c_str(), 0);
    return made;
}

result<void> tree_writer::make_hard_link(const file_entry& entry) {
    auto path = shown(entry);
    if (!top_ || !is_below(entry.target)) return refused(path, "a link to nothing below the copy");
    auto file = open_beneath(top_.get(), entry.target, O_PATH | O_NOFOLLOW);
    if (!file) return file.error();
    auto at = place_of(entry);
    if (!at) return at.error();
    auto temporary = temporary_name();
    auto source = "/proc/self/fd/" + std::to_string(file->get());
    int parent = at->parent.get();
    auto made = tree_step(
        "link", path, [&] { return ::linkat(AT_FDCWD, source.c_str(), parent, temporary.c_str(), AT_SYMLINK_FOLLOW); });
    if (!made) return made;
    made = tree_step("rename", path, [&] { return ::renameat(parent, temporary.c_str(), parent, at->name.c_str()); });
    // It stays where both names were one file's already.
    (void)::unlinkat(parent, temporary.c_str(), 0);
    return made;
}

result<void> tree_writer::begin_file(const file_entry& entry) {
    auto at = place_of(entry);
    if (!at) return at.error();
    auto path = shown(entry);
    auto temporary = temporary_name();
    auto made = tree_call("create", path, [&] {
        return ::openat(at->parent.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        0600);
    });
    if (!made) return made.error();
    file_ = unique_fd(static_cast<int>(*made));
    place_ = std::move(*at);
    temporary_ = std::move(temporary);
    entry_ = entry;
    entry_.path = std::move(path);
    return {};
}

result<void> tree_writer::append(std::string_view bytes) {
    if (!file_) return error(errc::failed_precondition, "bytes of no file");
    auto written = syscalls::write_all(file_.get(), bytes, entry_.path);
    if (written) bytes_ += bytes.size();
    return written;
}

result<void> tree_writer::finish() {
    if (!file_) return {};
    auto done = set_owner(file_.get(), entry_, entry_.path);
    if (done) done = set_mode(file_.get(), entry_, entry_.path);
    if (done) done = set_time(file_.get(), entry_, entry_.path);
    if (done) {
        int parent = place_->parent.get();
        done = tree_step("rename", entry_.path,
                         [&] { return ::renameat(parent, temporary_.c_str(), parent, place_->name.c_str()); });
    }
    if (!done) {
        drop_file();
        return done;
    }
    file_.reset();
    place_.reset();
    return {};
}

void tree_writer::drop_file() noexcept {
    if (!file_) return;
    (void)::unlinkat(place_->parent.get(), temporary_.c_str(), 0);
    file_.reset();
    place_.reset();
}

}  // namespace vminit::system

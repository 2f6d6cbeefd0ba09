// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "system/tree_calls.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t entry_cost = 128;  // of a piece without bytes, so that a batch of them ends

file_kind kind_of(mode_t mode) noexcept {
    if (S_ISREG(mode)) return file_kind::file;
    if (S_ISDIR(mode)) return file_kind::directory;
    return S_ISLNK(mode) ? file_kind::symlink : file_kind::other;
}

file_entry entry_of(const struct stat& status, std::string path) {
    file_entry entry;
    entry.path = std::move(path);
    entry.kind = kind_of(status.st_mode);
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    entry.size = static_cast<std::uint64_t>(status.st_size);
    return entry;
}

// Only of what was looked at: to open a device or a fifo by its name would do more than read. Our own procfs has a link
// to each of our descriptors.
result<unique_fd> open_again(const unique_fd& node, int flags, const std::string& path) {
    auto opened = syscalls::open("/proc/self/fd/" + std::to_string(node.get()), flags);
    if (!opened) return error(opened.error().code(), "open " + path);
    return opened;
}

}  // namespace

result<std::unique_ptr<tree_reader>> tree_reader::open(unique_fd root, const std::string& path, link_policy links) {
    auto node = open_in_root(root.get(), path, O_PATH | (links == link_policy::keep ? O_NOFOLLOW : 0));
    if (!node) return node.error();
    std::unique_ptr<tree_reader> reader(new tree_reader());
    auto entered = reader->enter(std::move(*node), std::string());
    if (!entered) return entered.error();
    return reader;
}

result<std::vector<file_piece>> tree_reader::next() {
    while (pieces_size_ < piece_size && (file_ || !levels_.empty())) {
        auto taken = file_ ? read_file() : step();
        if (!taken) return taken.error();
    }
    pieces_size_ = 0;
    return std::exchange(pieces_, {});
}

// The first one decides what is elsewhere.
result<void> tree_reader::enter(unique_fd node, std::string path) {
    struct stat status{};
    auto known = tree_step("stat", path, [&] { return ::fstat(node.get(), &status); });
    if (!known) return known.error();
    if (!std::exchange(has_begun_, true)) device_ = status.st_dev;
    auto entry = entry_of(status, path);
    if (entry.kind == file_kind::symlink) {
        char target[PATH_MAX];
        auto length = tree_call("readlink", path, [&] { return ::readlinkat(node.get(), "", target, sizeof target); });
        if (!length) return length.error();
        entry.target.assign(target, static_cast<std::size_t>(*length));
    }
    if (entry.kind == file_kind::file) {
        auto file = open_again(node, O_RDONLY | O_NONBLOCK | O_NOCTTY, path);
        if (!file) return file.error();
        file_ = std::move(*file);
        file_path_ = path;
    }
    pieces_size_ += entry_cost + entry.path.size() + entry.target.size();
    auto kind = entry.kind;
    pieces_.push_back(file_piece{std::move(entry), {}});
    if (kind == file_kind::directory) return enter_directory(node, std::move(path), status.st_dev);
    return {};
}

result<void> tree_reader::enter_directory(const unique_fd& node, std::string path, dev_t device) {
    if (device != device_) return {};
    if (levels_.size() == max_depth) return error(errc::resource_exhausted, path + ": below too many directories");
    auto fd = open_again(node, O_RDONLY | O_DIRECTORY, path);
    if (!fd) return fd.error();
    std::unique_ptr<DIR, close_directory> directory(::fdopendir(fd->get()));
    if (!directory) return error(errc::resource_exhausted, "list " + path);
    [[maybe_unused]] int owned_by_directory = fd->release();
    levels_.push_back(level{std::move(directory), std::move(path)});
    return {};
}

// One name of the innermost directory.
result<void> tree_reader::step() {
    auto& here = levels_.back();
    const auto* found = ::readdir(here.directory.get());
    if (found == nullptr) {
        levels_.pop_back();
        return {};
    }
    std::string name(found->d_name);
    if (name == "." || name == "..") return {};
    auto path = here.path.empty() ? name : here.path + "/" + name;
    auto opened = tree_open(
        path, [&] { return ::openat(::dirfd(here.directory.get()), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); });
    if (opened) return enter(std::move(*opened), std::move(path));
    if (syscalls::is_errno(opened.error(), ENOENT)) return {};
    return opened.error();
}

result<void> tree_reader::read_file() {
    std::string data(piece_size, '\0');
    auto count = tree_call("read", file_path_, [&] { return ::read(file_.get(), data.data(), data.size()); });
    if (!count) return count.error();
    if (*count == 0) {
        file_.reset();
        return {};
    }
    data.resize(static_cast<std::size_t>(*count));
    pieces_size_ += data.size();
    pieces_.push_back(file_piece{std::nullopt, std::move(data)});
    return {};
}

}  // namespace vminit::system

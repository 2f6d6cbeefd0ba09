// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/tree_unpacker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "system/tree_calls.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

constexpr mode_t new_directory = 0755;
constexpr mode_t plain_bits = 0777;

file_entry directory_entry(std::string path) {
    file_entry entry;
    entry.path = std::move(path);
    entry.kind = file_kind::directory;
    entry.mode = new_directory;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    return entry;
}

// What is in that place, if it is no directory.
result<std::optional<file_entry>> file_at(int root, const std::string& path) {
    std::optional<file_entry> found;
    auto node = open_in_root(root, path.empty() ? "/" : path, O_PATH);
    if (!node && syscalls::is_errno(node.error(), ENOENT)) return found;
    if (!node) return node.error();
    struct stat status{};
    auto known = tree_step("stat", path, [&] { return ::fstat(node->get(), &status); });
    if (!known) return known.error();
    if (S_ISDIR(status.st_mode)) return found;
    found.emplace();
    found->mode = status.st_mode & 07777;
    found->uid = status.st_uid;
    found->gid = status.st_gid;
    return found;
}

// As mkdir -p does; links lead on, within the root.
result<void> make_directories_in(int root, const std::string& path) {
    auto above = open_in_root(root, "/", O_PATH | O_DIRECTORY);
    for (std::size_t begin = 0, end = 0; above && begin < path.size(); begin = end + 1) {
        end = std::min(path.find('/', begin), path.size());
        auto name = path.substr(begin, end - begin);
        if (name.empty()) continue;
        auto here = open_in_root(root, path.substr(0, end), O_PATH | O_DIRECTORY);
        if (!here && syscalls::is_errno(here.error(), ENOENT)) {
            int parent = above->get();
            auto made =
                tree_step("mkdir", path.substr(0, end), [&] { return ::mkdirat(parent, name.c_str(), new_directory); });
            if (!made) return made;
            here = open_in_root(root, path.substr(0, end), O_PATH | O_DIRECTORY);
        }
        above = std::move(here);
    }
    return above ? result<void>() : result<void>(above.error());
}

}  // namespace

result<std::unique_ptr<tree_unpacker>> tree_unpacker::open(unique_fd root, std::string path, archive_owners owners) {
    if (path.find('\0') != std::string::npos) return error(errc::invalid_argument, "path: it contains NUL");
    std::unique_ptr<tree_unpacker> unpacker(new tree_unpacker(owners));
    auto file = file_at(root.get(), path);
    if (!file) return file.error();
    unpacker->over_ = std::move(*file);
    if (!unpacker->over_) {
        auto made = make_directories_in(root.get(), path);
        if (!made) return made.error();
    }
    auto tree = tree_writer::open(std::move(root), std::move(path), std::string());
    if (!tree) return tree.error();
    unpacker->tree_ = std::move(*tree);
    if (unpacker->over_) return unpacker;
    auto begun = unpacker->tree_->begin(directory_entry(std::string()));
    if (!begun) return begun.error();
    return unpacker;
}

result<void> tree_unpacker::put(file_piece piece) {
    if (!piece.entry) return tree_->append(piece.data);
    if (over_) return begin_over(std::move(*piece.entry));
    return begin(std::move(*piece.entry));
}

result<void> tree_unpacker::begin(file_entry entry) {
    if (auto made = make_parents(entry.path); !made) return made;
    adjust(entry);
    return tree_->begin(entry);
}

result<void> tree_unpacker::begin_over(file_entry entry) {
    bool is_one = entry.kind == file_kind::file && !std::exchange(has_begun_, true);
    if (!is_one) return error(errc::invalid_argument, entry.path + ": only one file can go over a file");
    adjust(entry);
    entry.path.clear();
    entry.mode = over_->mode;
    if (owners_ == archive_owners::ours) {
        entry.uid = over_->uid;
        entry.gid = over_->gid;
    }
    return tree_->begin(entry);
}

result<void> tree_unpacker::make_parents(const std::string& path) {
    auto last = path.rfind('/');
    auto parent = last == std::string::npos ? std::string() : path.substr(0, last);
    bool is_there = parent.empty() || (parent_ + "/").starts_with(parent + "/");
    for (std::size_t end = 0; !is_there && end != std::string::npos;) {
        end = parent.find('/', end + 1);
        auto made = tree_->begin(directory_entry(parent.substr(0, end)));
        if (!made) return made;
    }
    if (!is_there) parent_ = std::move(parent);
    return {};
}

void tree_unpacker::adjust(file_entry& entry) const {
    if (owners_ == archive_owners::keep) return;
    entry.mode &= plain_bits;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
}

result<void> tree_unpacker::finish() {
    if (over_ && !has_begun_) return error(errc::invalid_argument, "the archive holds no file");
    return tree_->finish();
}

}  // namespace vminit::system

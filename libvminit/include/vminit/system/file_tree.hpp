// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

/// Files in and out of a container's root, in pieces; and of any other, so that both ends of a copy are the same. All
/// that is here can sleep in the kernel, destructors too: it is for jobs. Nothing gets out of the root: the place of a
/// copy is resolved in it (openat2(2), RESOLVE_IN_ROOT, no magic links), and what lies below that without any links, so
/// that a copy cannot be led astray by a link that it brought along itself.
namespace vminit::system {

enum class file_kind {
    other,
    file,
    directory,
    symlink,
    hard_link,  ///< to a file of the same copy; no reader finds them
};

/// A file, directory or link of a tree that is copied.
struct file_entry {
    std::string path;  ///< below what is copied; empty for that itself
    file_kind kind = file_kind::other;
    mode_t mode = 0;  ///< permission bits
    uid_t uid = 0;
    gid_t gid = 0;
    std::int64_t modified = 0;  ///< nanoseconds since 1970
    std::uint64_t size = 0;     ///< of a file, when it was opened
    std::string target;         ///< of a symbolic link; of a hard one, a path below what is copied
};

/// An entry, or bytes of the file whose entry came last.
struct file_piece {
    std::optional<file_entry> entry;
    std::string data;
};

enum class link_policy { keep, follow };

/// Walks a tree, parents first. Directories on which something else is mounted are not entered.
class tree_reader {
public:
    static constexpr std::size_t piece_size = std::size_t{64} << 10;
    static constexpr std::size_t max_depth = 64;  ///< directories, of each of which one descriptor is open

    /// Errors: not_found and others of openat2.
    static result<std::unique_ptr<tree_reader>> open(unique_fd root, const std::string& path, link_policy links);

    /// The next pieces, some 64 KiB together; none at the end. What vanishes meanwhile is left out. Errors: of reading;
    /// resource_exhausted below `max_depth` directories.
    result<std::vector<file_piece>> next();

private:
    struct close_directory {
        void operator()(DIR* open) const noexcept { ::closedir(open); }
    };
    struct level {
        std::unique_ptr<DIR, close_directory> directory;
        std::string path;
    };

    tree_reader() = default;
    result<void> enter(unique_fd node, std::string path);
    result<void> enter_directory(const unique_fd& node, std::string path, dev_t device);
    result<void> step();
    result<void> read_file();

    std::vector<level> levels_;
    unique_fd file_;  // whose bytes come now
    std::string file_path_;
    dev_t device_ = 0;
    bool has_begun_ = false;
    std::vector<file_piece> pieces_;
    std::size_t pieces_size_ = 0;
};

/// Makes what a reader has read, or a peer says. A file appears under its name when it is whole.
class tree_writer {
public:
    /// In a directory `path` the copy gets `name` (empty: it is that directory); otherwise it is `path` itself. Errors:
    /// invalid_argument for a name that is none.
    static result<std::unique_ptr<tree_writer>> open(unique_fd root, std::string path, const std::string& name);

    tree_writer(const tree_writer&) = delete;
    tree_writer& operator=(const tree_writer&) = delete;
    /// Removes a file that is not whole.
    ~tree_writer();

    /// The next entry; the file before it is whole. The first is that of the copy itself, the others are below it if it
    /// is a directory. A directory that is there stays as it is. Errors: invalid_argument for a path that is none of
    /// these, and for what is neither file, directory nor link; of the calls, naming the path.
    result<void> begin(const file_entry& entry);

    /// Errors: failed_precondition where no file has begun.
    result<void> append(std::string_view bytes);

    /// The last file is whole.
    result<void> finish();

    std::uint64_t entries() const noexcept { return entries_; }
    std::uint64_t bytes() const noexcept { return bytes_; }

private:
    struct place {
        unique_fd parent;
        std::string name;
    };

    tree_writer(unique_fd root, std::string base, int base_flags)
        : root_(std::move(root)), base_(std::move(base)), base_flags_(base_flags) {}
    result<void> check(const file_entry& entry) const;
    result<unique_fd> open_directory(const file_entry& entry) const;
    result<place> place_of(const file_entry& entry) const;
    std::string shown(const file_entry& entry) const;
    result<void> make_directory(const file_entry& entry);
    result<unique_fd> make_new_directory(const file_entry& entry);
    result<void> make_link(const file_entry& entry);
    result<void> make_hard_link(const file_entry& entry);
    result<void> begin_file(const file_entry& entry);
    void drop_file() noexcept;

    unique_fd root_;
    std::string base_;  // what the copy itself becomes, in the root
    int base_flags_;    // to open it, if it is there
    unique_fd top_;     // it, once it is a directory
    bool has_begun_ = false;
    std::optional<place> place_;  // of the file that is being written
    std::string temporary_;
    unique_fd file_;
    file_entry entry_;
    std::uint64_t entries_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace vminit::system

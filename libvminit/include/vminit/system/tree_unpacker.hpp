// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "vminit/core/result.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::system {

enum class archive_owners {
    ours,  ///< who unpacks, and no set-user-id bits and the like
    keep,  ///< as the archive says
};

/// Puts what an archive holds into a directory of a container's root, which is made if it is not there; or, where a
/// file is in that place, the one file that the archive holds over it. Directories that an archive has no entries for
/// are made. Can sleep, destructor too: for jobs. The same bounds as of tree_writer hold: nothing gets out.
class tree_unpacker {
public:
    /// Errors: of openat2, mkdir; invalid_argument.
    static result<std::unique_ptr<tree_unpacker>> open(unique_fd root, std::string path, archive_owners owners);

    /// Errors: of tree_writer; invalid_argument for anything but one file, where it goes over a file.
    result<void> put(file_piece piece);

    /// The last file is whole. Errors: invalid_argument if there was nothing to go over a file.
    result<void> finish();

private:
    explicit tree_unpacker(archive_owners owners) : owners_(owners) {}
    result<void> begin(file_entry entry);
    result<void> begin_over(file_entry entry);
    result<void> make_parents(const std::string& path);
    void adjust(file_entry& entry) const;

    archive_owners owners_;
    std::unique_ptr<tree_writer> tree_;
    std::optional<file_entry> over_;  // the file that is there
    bool has_begun_ = false;
    std::string parent_;  // that is there for certain
};

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <variant>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// What an archive is to hold: directories, files and links by their absolute paths, each once, in the order of their
/// names. Nothing is on a disk for it. All belongs to root.
class file_tree {
public:
    struct directory {};
    struct copied_file {
        std::string source;  ///< a path of this machine
    };
    struct written_file {
        std::string bytes;
    };
    struct link {
        std::string target;
    };
    struct node {
        std::variant<directory, copied_file, written_file, link> what;
        mode_t mode = 0755;
    };

    /// Missing directories above are made, mode 0755. What was there under that name is replaced.
    void add(const std::string& path, node entry);

    /// A file of this machine, links followed, with its mode. Errors: of stat; invalid_argument for what is no file.
    result<void> add_copy(const std::string& source, const std::string& path);

    const std::map<std::string, node>& nodes() const noexcept { return nodes_; }

private:
    std::map<std::string, node> nodes_;
};

}  // namespace vminit::image

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vminit::test {

/// Whether layers can be unpacked here; says that a test is skipped if not.
bool may_unpack();

/// One entry of a tar.
struct tar_entry {
    enum class kind { file, directory, symlink, hard_link, device };

    std::string path;
    kind type = kind::file;
    std::string content;  ///< of a file; the target of a link
    unsigned mode = 0644;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int64_t time = 1'000'000'000;
    std::map<std::string, std::string> attributes;  ///< extended
};

tar_entry directory(std::string path);
tar_entry file(std::string path, std::string content);
tar_entry soft_link(std::string path, std::string target);
tar_entry hard_link(std::string path, std::string target);

enum class tar_compression { none, gzip, zstd };

/// Writes a tar; throws when it cannot.
void write_tar(const std::string& path, const std::vector<tar_entry>& entries,
               tar_compression how = tar_compression::none);

/// Puts a blob into a layout, named by its digest, which is returned.
std::string add_blob(const std::string& layout, const std::string& bytes);

struct layout_image {
    std::string name;
    std::string architecture = "amd64";
    std::string config = "{}";
    std::vector<std::vector<tar_entry>> layers;
};

/// Makes an OCI image layout of one image for each platform given (an index in the index if there are several of one
/// name).
void make_layout(const std::string& directory, const std::vector<layout_image>& images);

}  // namespace vminit::test

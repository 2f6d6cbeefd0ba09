// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vminit/core/result.hpp"

struct archive;
struct archive_entry;

namespace vminit::image {

struct archive_closer {
    void operator()(::archive* opened) const noexcept;
};

/// A libarchive handle, freed with what it holds.
using archive_handle = std::unique_ptr<::archive, archive_closer>;

/// What libarchive says of its last call on `handle`.
error archive_error(::archive* handle, std::string context);

/// Opens a tar for reading, of any compression that libarchive knows. The descriptor stays the caller's.
result<archive_handle> open_tar(int fd, const std::string& name);

/// Copies the content of the entry that `source` is at to the one that `target` is at. `name` is for errors.
result<void> copy_data(::archive* source, ::archive* target, const std::string& name);

/// The names of all its entries.
result<std::vector<std::string>> names_in_tar(const std::string& path);

/// Unpacks the files and directories of a tar below `directory`, for us to read: no owners, no modes, nothing outside.
/// Errors: those of libarchive; invalid_argument for an entry that wants to be elsewhere.
result<void> unpack_tar(const std::string& path, const std::string& directory);

/// A whole file, decompressed if it is compressed (gzip, xz, zstd, ...), at most `limit` bytes. Errors: of open;
/// resource_exhausted for more.
result<std::string> decompressed(const std::string& path, std::size_t limit);

}  // namespace vminit::image

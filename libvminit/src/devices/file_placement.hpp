// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::devices {

/// The components of an absolute path without `.`, `..` and empty ones; nothing if it is relative or names only the
/// root.
std::optional<std::vector<std::string>> clean_components(std::string_view path);

/// Opens (O_PATH) the directory `components` lead to below `root`, making what is missing with mode 0755. Symbolic links
/// are followed, but not out of `root`, and none of procfs's magic ones (openat2(2), RESOLVE_IN_ROOT). Errors: errno with
/// the path.
result<unique_fd> open_directory_below(const std::string& root, std::span<const std::string> components);

/// Makes the directory `components` lead to below `root` with exactly `mode`, and its parents as above; one that is there
/// already, also by a link, is left as it is. Errors: errno; ENOTDIR when something else has that name.
result<void> make_directory_below(const std::string& root, std::span<const std::string> components, mode_t mode);

/// A file that takes its name only when it is complete; otherwise it vanishes again.
class new_file {
public:
    /// In `directory`, under a name that nobody looks for.
    static result<new_file> create(unique_fd directory);
    new_file(new_file&&) noexcept = default;
    new_file& operator=(new_file&&) = delete;
    ~new_file();

    result<void> write_at(std::span<const char> bytes, std::uint64_t offset);

    /// Sets size and mode exactly and renames it to `name`, replacing what is there (a link itself, not its target).
    result<void> finish(const std::string& name, std::uint64_t size, mode_t mode);

private:
    new_file(unique_fd directory, unique_fd file) noexcept : directory_(std::move(directory)), file_(std::move(file)) {}

    unique_fd directory_;
    unique_fd file_;
};

}  // namespace vminit::devices

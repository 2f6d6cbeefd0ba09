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

/// Opens (O_PATH) the directory `components` lead to below `root`, making what is missing with mode 0755. Follows no
/// symbolic link. Errors: errno with the path.
result<unique_fd> open_directory_below(const std::string& root, std::span<const std::string> components);

/// mkdir(2) of `name` in `parent` with exactly `mode`; a directory that is there already is left as it is. `path` is
/// for the error. Errors: errno; ENOTDIR when something else has that name.
result<void> make_directory_in(const unique_fd& parent, const std::string& name, mode_t mode, const std::string& path);

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

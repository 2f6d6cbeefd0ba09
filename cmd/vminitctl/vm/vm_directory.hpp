// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::vminitctl {

/// The directory of one VM, ours alone for as long as this lives: others see that by a lock on a file in it, which ends
/// with the process however that ends.
class vm_directory {
public:
    vm_directory() = default;

    /// Makes it, or takes one over that nobody has any more, and clears away what an earlier VM left in it. Errors:
    /// already_exists (another VM runs there), errno.
    static result<vm_directory> take(std::string path);

    const std::string& path() const noexcept { return path_; }
    std::string file(std::string_view name) const;

    /// Removes all that is ours; the directory, too, if we made it.
    void remove() noexcept;

private:
    void clear() noexcept;

    std::string path_;
    bool is_made_ = false;
    unique_fd lock_;
};

/// Whose VM a directory has.
enum class vm_ownership {
    none,  ///< no VM of ours was ever there
    left,  ///< its keeper is gone
    kept,  ///< its keeper lives
};
vm_ownership ownership_of(const std::string& directory);

/// Names in it.
inline constexpr std::string_view console_file = "console.log";
inline constexpr std::string_view keeper_file = "keeper.log";
inline constexpr std::string_view ended_file = "ended";  ///< when the VM has ended and its logs were to stay

}  // namespace vminit::vminitctl

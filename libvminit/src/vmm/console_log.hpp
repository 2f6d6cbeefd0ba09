// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::vmm {

/// A file that gets all that the guest prints. At `largest` bytes it becomes `<path>.old`, in the place of an earlier
/// one, and begins anew: so it takes twice that at most, and the end is always there.
class console_log {
public:
    static constexpr std::size_t largest = std::size_t{16} << 20;

    console_log() = default;

    /// Begins an empty file. Errors: errno of open.
    static result<console_log> open(std::string path, std::size_t limit = largest);

    /// What cannot be written (a full disk) is left out: the guest goes on.
    void write(std::string_view bytes);

private:
    std::string path_;
    std::size_t limit_ = largest;
    std::size_t written_ = 0;
    unique_fd file_;
};

}  // namespace vminit::vmm

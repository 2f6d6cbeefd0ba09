// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// A directory of our own below $TMPDIR (else /var/tmp, which is on a disk), removed with all that is in it.
class scratch_directory {
public:
    static result<scratch_directory> make();

    scratch_directory(scratch_directory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    scratch_directory& operator=(scratch_directory&&) = delete;
    ~scratch_directory();

    const std::string& path() const noexcept { return path_; }

private:
    explicit scratch_directory(std::string path) : path_(std::move(path)) {}

    std::string path_;
};

}  // namespace vminit::image

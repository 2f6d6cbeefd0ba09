// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

/// What a runtime is given to read.
namespace vminit::runc {

/// A `runc-process` file of mode 0600 that is there as long as the runtime may read it.
class process_file {
public:
    static result<process_file> create(const std::string& directory, std::string_view content);

    process_file(process_file&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    process_file& operator=(process_file&&) = delete;
    ~process_file();

    const std::string& path() const noexcept { return path_; }

private:
    process_file() = default;
    std::string path_;
};

/// A stdin that nobody has to feed: a file in memory, positioned at its start.
result<unique_fd> memory_file(std::string_view content);

}  // namespace vminit::runc

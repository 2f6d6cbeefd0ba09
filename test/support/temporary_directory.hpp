// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace vminit::test {

/// A directory of a test's own, removed with all it holds.
class temporary_directory {
public:
    /// In `parent`; /dev/shm is in memory wherever the tests run.
    explicit temporary_directory(const std::string& parent = "/tmp") {
        // Short, because sun_path holds 108 bytes.
        root_ = parent + "/vminit-XXXXXX";
        if (::mkdtemp(root_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;

    const std::string& path() const { return root_; }
    std::string path(const std::string& name) const { return root_ + "/" + name; }

    std::vector<std::string> entries() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(root_)) names.push_back(entry.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }

private:
    std::string root_;
};

}  // namespace vminit::test

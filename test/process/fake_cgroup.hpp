// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_directory.hpp"

namespace vminit::test {

/// A directory tree with files like those of cgroupfs.
class fake_cgroup {
public:
    const std::string& path() const { return directory_.path(); }
    std::string path(const std::string& name) const { return directory_.path(name); }

    /// Creates or replaces a file, and the directories that lead to it.
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::ofstream(path(name), std::ios::binary) << text;
    }

    void make_directory(const std::string& name) const { std::filesystem::create_directories(path(name)); }

    std::string read(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

private:
    temporary_directory directory_;
};

}  // namespace vminit::test

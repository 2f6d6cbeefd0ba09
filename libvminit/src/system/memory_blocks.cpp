// SPDX-License-Identifier: Apache-2.0
#include "system/memory_blocks.hpp"

#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"

namespace vminit::system {

namespace {

bool is_block_name(std::string_view name) {
    constexpr std::string_view prefix = "memory";
    return name.starts_with(prefix) && name.size() > prefix.size() &&
           name.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

}  // namespace

std::set<std::string> memory_blocks(const std::string& directory) {
    std::set<std::string> blocks;
    auto names = names_in(directory);
    if (!names) return blocks;
    for (const auto& name : *names) {
        if (is_block_name(name)) blocks.insert(directory + "/" + name);
    }
    return blocks;
}

std::vector<std::string> offline_memory_blocks(const std::string& directory) {
    std::vector<std::string> found;
    for (const auto& block : memory_blocks(directory)) {
        auto state = read_file(block + "/state");
        if (state && trimmed(*state) == "offline") found.push_back(block);
    }
    return found;
}

}  // namespace vminit::system

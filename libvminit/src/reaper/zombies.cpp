// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/zombies.hpp"

#include <algorithm>
#include <string_view>

#include "vminit/core/file.hpp"

namespace vminit::reaper {

namespace {

constexpr std::size_t longest_stat = 4096;

bool is_zombie(const std::string& stat_file) {
    auto text = read_file(stat_file, longest_stat);
    if (!text) return false;
    // The state follows the command name, which may contain anything.
    auto after_name = text->rfind(')');
    return after_name != std::string::npos && std::string_view(*text).substr(after_name).starts_with(") Z");
}

}  // namespace

std::size_t count_zombies(pid_t parent, const std::string& proc) {
    auto id = std::to_string(parent);
    auto text = read_file(proc + "/" + id + "/task/" + id + "/children");
    if (!text) return 0;
    std::size_t zombies = 0;
    std::size_t looked_at = 0;
    for (std::size_t at = 0; at < text->size() && looked_at < max_children_looked_at; ++looked_at) {
        auto end = std::min(text->find(' ', at), text->size());
        if (is_zombie(proc + "/" + text->substr(at, end - at) + "/stat")) ++zombies;
        at = end + 1;
    }
    return zombies;
}

}  // namespace vminit::reaper

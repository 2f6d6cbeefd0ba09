// SPDX-License-Identifier: Apache-2.0
#include "start_failure.hpp"

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

#include "command_set.hpp"

namespace vminit::vminitctl {

namespace {

bool has_any(const std::string& text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

}  // namespace

int status_of_start_failure(const error& failure) {
    auto text = boost::algorithm::to_lower_copy(failure.message());
    // A missing mount or working directory is "no such file" too, but not the program.
    bool is_about_program = has_any(text, {"executable", "exec: ", "exec format error"});
    if (!is_about_program) return exit_ours;
    if (has_any(text, {"not found", "no such file"})) return exit_not_found;
    bool is_refused = has_any(text, {"permission denied", "not permitted", "is a directory", "exec format error"});
    return is_refused ? exit_not_executable : exit_ours;
}

}  // namespace vminit::vminitctl

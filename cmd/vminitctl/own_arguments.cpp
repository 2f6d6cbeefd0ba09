// SPDX-License-Identifier: Apache-2.0
#include "own_arguments.hpp"

#include <algorithm>

namespace vminit::vminitctl {

namespace {

const CLI::Option* option_of(const CLI::App& command, const std::string& name) {
    const auto* own = command.get_option_no_throw(name);
    const auto* parent = command.get_parent();
    return own != nullptr || parent == nullptr ? own : option_of(*parent, name);
}

bool takes_value(const CLI::Option* option) { return option != nullptr && option->get_items_expected_max() > 0; }

// `--env A=1`, but not `--env=A=1`, `-e A=1` and `-ie A=1`, but not `-eA=1`.
bool wants_next_word(const CLI::App& command, const std::string& word) {
    if (word.starts_with("--")) return word.find('=') == std::string::npos && takes_value(option_of(command, word));
    for (std::size_t at = 1; at < word.size(); ++at) {
        if (takes_value(option_of(command, std::string("-") + word[at]))) return at + 1 == word.size();
    }
    return false;
}

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

// The place of the next word from `at` on that is no option and no option's value.
std::size_t next_word(const CLI::App& command, const std::vector<std::string>& arguments, std::size_t at) {
    while (at < arguments.size() && is_option(arguments[at])) at += wants_next_word(command, arguments[at]) ? 2 : 1;
    return std::min(at, arguments.size());
}

std::size_t words_taken(const CLI::App& command) {
    auto options = command.get_options([](const CLI::Option* one) { return one->get_positional(); });
    return options.size();
}

// The place of the word behind the names that lead to `among`.
std::size_t place_after(const CLI::App& program, const CLI::App& among, const std::vector<std::string>& arguments) {
    if (&among == &program) return next_word(program, arguments, 0);
    auto at = place_after(program, *among.get_parent(), arguments);
    return next_word(among, arguments, std::min(at + 1, arguments.size()));
}

}  // namespace

std::string word_after(const CLI::App& program, const CLI::App& among, const std::vector<std::string>& arguments) {
    auto at = place_after(program, among, arguments);
    return at < arguments.size() ? arguments[at] : std::string();
}

const CLI::App* command_in(const CLI::App& program, const std::vector<std::string>& arguments) {
    auto at = next_word(program, arguments, 0);
    if (at == arguments.size()) return nullptr;
    auto named = program.get_subcommands([&](const CLI::App* one) { return one->get_name() == arguments[at]; });
    return named.empty() ? nullptr : named.front();
}

std::size_t own_arguments_begin(const CLI::App& program, const CLI::App& command,
                                const std::vector<std::string>& arguments) {
    auto at = next_word(program, arguments, 0) + 1;  // behind the command's name
    for (auto left = words_taken(command); at < arguments.size(); --left) {
        at = next_word(command, arguments, at);
        if (left == 0) return at;
        ++at;
    }
    return arguments.size();
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include <fmt/format.h>

#include <vector>

namespace vminit::vminitctl {

namespace {

struct known_command {
    std::string path;  ///< "", "run", "vm start"
    std::string description;
    std::vector<const CLI::App*> members;
    std::vector<const CLI::Option*> options;
};

std::vector<std::string> names_of(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const auto& name : option.get_snames()) names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) names.push_back("--" + name);
    return names;
}

void collect(const CLI::App& command, const std::string& path, std::vector<known_command>& all) {
    known_command known;
    known.path = path;
    known.description = command.get_description();
    known.members = command.get_subcommands([](const CLI::App*) { return true; });
    known.options = command.get_options([](const CLI::Option* one) { return !names_of(*one).empty(); });
    auto members = known.members;
    all.push_back(std::move(known));
    for (const auto* member : members)
        collect(*member, path.empty() ? member->get_name() : path + " " + member->get_name(), all);
}

// Within single quotes of a shell.
std::string shell_quoted(const std::string& text) {
    std::string safe;
    for (char byte : text) {
        if (byte == '\'') {
            safe += "'\\''";
        } else {
            safe += byte == '\n' ? ' ' : byte;
        }
    }
    return "'" + safe + "'";
}

// Members first, then options, then those of the program, which may stand behind any command.
std::vector<std::string> words_of(const known_command& command, const known_command& program) {
    std::vector<std::string> words;
    for (const auto* member : command.members) words.push_back(member->get_name());
    for (const auto* option : command.options) {
        for (auto& name : names_of(*option)) words.push_back(std::move(name));
    }
    if (&command == &program) return words;
    for (const auto* option : program.options) {
        for (auto& name : names_of(*option)) words.push_back(std::move(name));
    }
    return words;
}

std::string cases_of(const std::vector<known_command>& all) {
    std::string cases;
    for (const auto& command : all) {
        cases += fmt::format("        {}) words={} ;;\n", shell_quoted(command.path),
                             shell_quoted(fmt::format("{}", fmt::join(words_of(command, all.front()), " "))));
    }
    return cases;
}

std::string paths_of(const std::vector<known_command>& all) {
    std::string paths;
    for (const auto& command : all) {
        if (!command.path.empty()) paths += (paths.empty() ? "" : "|") + shell_quoted(command.path);
    }
    return paths;
}

std::string values_of(const std::vector<known_command>& all) {
    std::string names;
    for (const auto& command : all) {
        for (const auto* option : command.options) {
            if (option->get_items_expected_max() == 0) continue;
            for (const auto& name : names_of(*option)) names += (names.empty() ? "" : "|") + name;
        }
    }
    return names;
}

// What comes before decides: the commands on the way to the cursor; the word behind an option with a value is a file.
constexpr std::string_view bash_text =
    R"(# Completion for {0}: `source` this, or put it into bash-completion's directory as `{0}`.
_{0}() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} path='' word words='' at
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        word=${{COMP_WORDS[at]}}
        [ "$word" = -- ] && return
        case "${{path:+$path }}$word" in {1}) path=${{path:+$path }}$word ;; esac
    done
    case $previous in {2}) return ;; esac
    case $path in
{3}    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _{0} {0}
)";

std::string bash_script(const std::string& name, const std::vector<known_command>& all) {
    return fmt::format(bash_text, name, paths_of(all), values_of(all), cases_of(all));
}

// zsh reads bash's functions.
std::string zsh_script(const std::string& name, const std::vector<known_command>& all) {
    return fmt::format("#compdef {0}\nautoload -U +X bashcompinit && bashcompinit\n{1}", name, bash_script(name, all));
}

std::string fish_option(const std::string& name, const std::string& condition, const CLI::Option& option) {
    std::string line = fmt::format("complete -c {} -n {}", name, shell_quoted(condition));
    for (const auto& word : option.get_snames()) line += " -s " + word;
    for (const auto& word : option.get_lnames()) line += " -l " + word;
    if (option.get_items_expected_max() > 0) line += " -r";
    return line + " -d " + shell_quoted(option.get_description()) + "\n";
}

// The condition that a line names a command, and none of its members yet.
std::string fish_condition(const known_command& command) {
    std::string condition;
    for (std::size_t at = 0; at < command.path.size();) {
        auto end = std::min(command.path.find(' ', at), command.path.size());
        condition +=
            (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + command.path.substr(at, end - at));
        at = end + 1;
    }
    return condition.empty() ? "true" : condition;
}

std::string fish_script(const std::string& name, const std::vector<known_command>& all) {
    std::string script =
        "# Completion for " + name + ": put it into the directory completions of fish as " + name + ".fish.\n";
    for (const auto& command : all) {
        auto condition = command.path.empty() ? std::string("__fish_use_subcommand") : fish_condition(command);
        for (const auto* member : command.members) {
            script += fmt::format("complete -c {} -n {} -f -a {} -d {}\n", name, shell_quoted(condition),
                                  member->get_name(), shell_quoted(member->get_description()));
        }
        for (const auto* option : command.options) script += fish_option(name, fish_condition(command), *option);
    }
    return script;
}

}  // namespace

result<std::string> completion_script(const CLI::App& program, std::string_view shell) {
    std::vector<known_command> all;
    collect(program, "", all);
    auto name = program.get_name();
    if (shell == "bash") return bash_script(name, all);
    if (shell == "zsh") return zsh_script(name, all);
    if (shell == "fish") return fish_script(name, all);
    return error(errc::invalid_argument, fmt::format("\"{}\" is not bash, zsh or fish", shell));
}

}  // namespace vminit::vminitctl

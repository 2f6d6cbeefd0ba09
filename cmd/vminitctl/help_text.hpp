// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <set>
#include <string>

namespace vminit::vminitctl {

/// How `--help` shows options: with what stands for their value (`--timeout SECONDS`), not with the type in C++.
class help_text : public CLI::Formatter {
public:
    /// A container's command line follows those of `command`'s own words, which its usage line says.
    void note_command_line(const CLI::App& command) { with_command_line_.insert(&command); }

    std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
    std::string make_option_opts(const CLI::Option* option) const override;
    std::string make_usage(const CLI::App* app, std::string name) const override;

private:
    std::set<const CLI::App*> with_command_line_;
};

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cctype>

#include "commands/commands.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

// As it is read: without the escapes of its hyphens.
std::string manual_page() {
    auto page = read_file(VMINIT_DOCS "/vminitctl.1");
    REQUIRE(page);
    std::erase(*page, '\\');
    return *page;
}

// As a whole word: `--time` is not in `--timeout`.
bool has_name(const std::string& page, const std::string& name) {
    for (auto at = page.find(name); at != page.npos; at = page.find(name, at + 1)) {
        auto next = page[at + name.size()];
        if (next != '-' && std::islower(static_cast<unsigned char>(next)) == 0) return true;
    }
    return false;
}

void collect(const CLI::App& command, std::vector<const CLI::Option*>& all) {
    for (const auto* option : command.get_options()) all.push_back(option);
    for (const auto* member : command.get_subcommands([](const CLI::App*) { return true; })) collect(*member, all);
}

std::vector<const CLI::Option*> options_of(const command_set& commands) {
    std::vector<const CLI::Option*> all;
    collect(commands.program(), all);
    return all;
}

}  // namespace

TEST_CASE("the manual page knows each option of each command", "[vminitctl]") {
    command_set commands;
    add_commands(commands);
    auto page = manual_page();
    for (const auto* option : options_of(commands)) {
        bool is_for_people = !option->get_group().empty();
        for (const auto& name : option->get_lnames()) {
            if (!is_for_people || name == "help" || name == "version") continue;
            CAPTURE(name);
            CHECK(has_name(page, "--" + name));
        }
    }
}

TEST_CASE("the manual page tells of each variable that stands for an option", "[vminitctl]") {
    command_set commands;
    add_commands(commands);
    auto page = manual_page();
    auto section = page.substr(page.find(".SH ENVIRONMENT"));
    section = section.substr(0, section.find(".SH FILES"));
    for (const auto* option : options_of(commands)) {
        CAPTURE(option->get_envname());
        CHECK(section.find(option->get_envname()) != std::string::npos);
    }
}

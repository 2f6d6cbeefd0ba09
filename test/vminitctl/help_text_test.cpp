// SPDX-License-Identifier: Apache-2.0
#include "help_text.hpp"

#include <catch2/catch.hpp>

#include "commands/commands.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

std::string help_of(std::vector<std::string> words) {
    command_set commands;
    add_commands(commands);
    words.emplace_back("--help");
    invocation invoked;
    auto stop = commands.parse(std::move(words), invoked);
    REQUIRE(stop);
    CHECK(stop->status == 0);
    return stop->text;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// `vm start`, ...: every command that has no members.
void collect(const CLI::App& app, const std::vector<std::string>& path, std::vector<std::vector<std::string>>& all) {
    all.push_back(path);
    for (const auto* member : app.get_subcommands([](const CLI::App*) { return true; })) {
        auto longer = path;
        longer.push_back(member->get_name());
        collect(*member, longer, all);
    }
}

}  // namespace

TEST_CASE("help names values as people do", "[vminitctl]") {
    auto program = help_of({});
    CHECK(contains(program, "-a,--address ADDRESS ($VMINIT_ADDRESS)"));
    CHECK(contains(program, "--timeout SECONDS (default 30)"));
    CHECK(contains(program, "--format FORMAT "));
    auto run = help_of({"run"});
    CHECK(contains(run, "Usage: vminitctl run [OPTIONS] [NAME] [--] COMMAND [ARGUMENT]...\n"));
    CHECK(contains(run, "--rootfs DISK (required)"));
    CHECK(contains(run, "-e,--env NAME[=VALUE] ..."));
    CHECK(contains(run, "-v,--volume SOURCE:TARGET[:ro] ..."));
    CHECK(contains(run, "--ulimit NAME=SOFT[:HARD] ..."));
    CHECK(contains(run, "-t,--tty    "));  // a flag has no value
    CHECK(contains(help_of({"exec"}), "exec [OPTIONS] ID [--] COMMAND [ARGUMENT]...\n"));
    CHECK_FALSE(contains(help_of({"ps"}), "COMMAND"));
}

TEST_CASE("no help shows a type of C++", "[vminitctl]") {
    command_set commands;
    add_commands(commands);
    std::vector<std::vector<std::string>> all;
    collect(commands.program(), {}, all);
    CHECK(all.size() > 40);
    for (const auto& path : all) {
        auto text = help_of(path);
        CAPTURE(text);
        for (const char* type : {" TEXT", "FLOAT", " INT", "UINT", "{", " REQUIRED"}) {
            CAPTURE(type);
            CHECK_FALSE(contains(text, type));
        }
    }
}

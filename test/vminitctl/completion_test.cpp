// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "commands/commands.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

std::string script_for(std::string_view shell) {
    command_set commands;
    add_commands(commands);
    return completion_script(commands.program(), shell).value();
}

std::string output_of(const std::string& command) {
    auto* stream = ::popen(command.c_str(), "r");
    REQUIRE(stream != nullptr);
    std::string text;
    std::array<char, 4096> block{};
    while (auto count = ::fread(block.data(), 1, block.size(), stream)) text.append(block.data(), count);
    CHECK(::pclose(stream) == 0);
    return text;
}

// What bash would offer for the words of a line, of which the last is being typed.
std::string offered(const std::string& words) {
    test::temporary_directory files;
    REQUIRE(replace_file(files.path("script"), script_for("bash"), 0644));
    auto text = "set -u; source " + files.path("script") + "; COMP_WORDS=(" + words +
                "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vminitctl; echo \"${COMPREPLY[*]}\"";
    REQUIRE(replace_file(files.path("run"), text, 0644));
    return output_of("bash " + files.path("run"));
}

}  // namespace

TEST_CASE("bash is offered commands, members of families and options", "[vminitctl]") {
    CHECK(offered("vminitctl ru") == "run\n");
    CHECK(offered("vminitctl vm sta") == "start status\n");
    CHECK(offered("vminitctl run --rootf") == "--rootfs --rootfs-type\n");
    CHECK(offered("vminitctl run --ul") == "--ulimit\n");
    CHECK(offered("vminitctl update --pi") == "--pids --pids-limit\n");
    CHECK(offered("vminitctl list --fo") == "--format\n");
    CHECK(offered("vminitctl run --ti") == "--timeout\n");
    CHECK(offered("vminitctl vm start --initr") == "--initrd\n");
    CHECK(offered("vminitctl --vm box exec --ex") == "--exec-id\n");
}

TEST_CASE("bash is offered files for values, and behind --", "[vminitctl]") {
    CHECK(offered("vminitctl run --image-config r") == "\n");
    CHECK(offered("vminitctl run x -- ru") == "\n");
}

TEST_CASE("what bash and zsh get can be read by bash, and fish's text names all", "[vminitctl]") {
    test::temporary_directory files;
    REQUIRE(replace_file(files.path("bash"), script_for("bash"), 0644));
    CHECK(output_of("bash -n " + files.path("bash") + " 2>&1").empty());
    CHECK(script_for("zsh").starts_with("#compdef vminitctl\n"));
    auto fish = script_for("fish");
    CHECK(fish.find("complete -c vminitctl -n '__fish_use_subcommand' -f -a run -d ") != std::string::npos);
    CHECK(fish.find("'__fish_seen_subcommand_from vm; and __fish_seen_subcommand_from start' -l initrd -r") !=
          std::string::npos);
    // No quote of a description may end the shell's.
    for (std::size_t at = 0; at < fish.size();) {
        auto end = fish.find('\n', at);
        auto line = fish.substr(at, end - at);
        CAPTURE(line);
        std::size_t open = 0;
        for (std::size_t place = 0; place < line.size(); ++place) {
            if (line[place] == '\'' && (place == 0 || line[place - 1] != '\\')) ++open;
        }
        CHECK(open % 2 == 0);
        at = end + 1;
    }
}

TEST_CASE("another shell is refused by name", "[vminitctl]") {
    command_set commands;
    add_commands(commands);
    CHECK(completion_script(commands.program(), "csh").error().context() == "\"csh\" is not bash, zsh or fish");
}

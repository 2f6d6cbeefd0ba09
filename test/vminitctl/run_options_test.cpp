// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
namespace json = boost::json;

namespace {

using console = test::program;
using words = std::vector<std::string>;

words run(words options, words command = {"x"}) {
    options.insert(options.begin(), {"run", "web", "--rootfs", "root"});
    options.emplace_back("--");
    options.insert(options.end(), command.begin(), command.end());
    return options;
}

json::value spec_of(console& terminal, words options, words command = {"x"}) {
    REQUIRE(terminal.run(run(std::move(options), std::move(command))) == 0);
    return json::parse(terminal.guest.bundle_files.at("config.json"));
}

std::string refusal(words options) {
    command_set commands;
    add_commands(commands);
    invocation invoked;
    auto arguments = run(std::move(options));
    arguments.insert(arguments.begin(), {"--address", "unix:///nonexistent"});
    auto stop = commands.parse(std::move(arguments), invoked);
    REQUIRE(stop);
    CHECK(stop->status == exit_ours);
    return stop->text;
}

}  // namespace

TEST_CASE("run's options of a container are in its spec", "[vminitctl]") {
    console terminal;
    auto spec = spec_of(terminal, {"--cap-drop", "all", "--cap-add", "kill", "--annotation", "a=b=c", "--tmpfs",
                                   "/t:size=1m", "-v", "/data:/d:ro"});
    CHECK(spec.at_pointer("/process/capabilities/bounding") == json::parse(R"(["CAP_KILL"])"));
    CHECK(spec.at_pointer("/annotations/a") == json::value("b=c"));
    const auto& mounts = spec.at("mounts").as_array();
    REQUIRE(mounts.size() == 9);
    CHECK(mounts[7].at("source") == json::value("/data"));
    CHECK(mounts[8].at("options") == json::value({"nosuid", "nodev", "noexec", "size=1m"}));
}

TEST_CASE("docker's words for limits, directory and root are in the spec", "[vminitctl]") {
    console terminal;
    auto spec = spec_of(terminal, {"--ulimit", "nofile=10:20", "--ulimit=core=-1", "--memory", "64M", "--cpus", "0.5",
                                   "--pids-limit", "20", "--hostname", "box", "--workdir", "/srv", "--read-only"});
    CHECK(spec.at_pointer("/process/rlimits") == json::parse(R"([{"type":"RLIMIT_NOFILE","hard":20,"soft":10},
                          {"type":"RLIMIT_CORE","hard":18446744073709551615,"soft":18446744073709551615}])"));
    CHECK(spec.at_pointer("/linux/resources/memory/limit") == json::value(67108864));
    CHECK(spec.at_pointer("/linux/resources/cpu/quota") == json::value(50000));
    CHECK(spec.at_pointer("/linux/resources/pids/limit") == json::value(20));
    CHECK(spec.at("hostname") == json::value("box"));
    CHECK(spec.at_pointer("/process/cwd") == json::value("/srv"));
    CHECK(spec.at_pointer("/root/readonly") == json::value(true));
}

TEST_CASE("with --init the guest's init is the container's first process, in a place that is no file of the rootfs",
          "[vminitctl]") {
    console terminal;
    terminal.guest.info.add_capabilities("init:container");
    auto spec = spec_of(terminal, {"--init", "--tmpfs", "/t"}, {"x", "-y"});
    CHECK(spec.at_pointer("/process/args") == json::parse(R"(["/dev/init","--container-init","--","x","-y"])"));
    CHECK(spec.at("mounts").as_array().back() ==
          json::parse(R"({"destination":"/dev/init","type":"bind","source":"/init","options":["bind","ro"]})"));
    CHECK(spec_of(terminal, {}).at_pointer("/process/args") == json::parse(R"(["x"])"));
}

TEST_CASE("an --init is refused where the guest has none to give", "[vminitctl]") {
    console terminal;
    terminal.guest.info.add_capabilities("user:name");
    CHECK(terminal.run(run({"--init"})) == exit_ours);
    CHECK(terminal.output.err_text() ==
          "vminitctl: not implemented: this guest has no init for containers: leave --init away\n");
    CHECK_FALSE(terminal.guest.bundle_files.contains("config.json"));
}

TEST_CASE("variables of the command line stand above those of files, a later file above an earlier", "[vminitctl]") {
    console terminal;
    test::temporary_directory dir;
    REQUIRE(replace_file(dir.path("one"), "A=1\nB=1\nC=1\n", 0600));
    REQUIRE(replace_file(dir.path("two"), "B=2\nC=2\n", 0600));
    auto spec = spec_of(terminal,
                        {"-e", "C=3", "-e", "PATH=/bin", "--env-file", dir.path("one"), "--env-file", dir.path("two")});
    CHECK(spec.at_pointer("/process/env") == json::value({"A=1", "B=2", "C=3", "PATH=/bin"}));
    CHECK(refusal({"--env-file", "/nonexistent"}).find("/nonexistent: No such file") != std::string::npos);
}

TEST_CASE("run takes a spec of one's own, and a command line only if it is to be another", "[vminitctl]") {
    console terminal;
    test::temporary_directory dir;
    REQUIRE(replace_file(dir.path("spec"), R"({"process":{"args":["/bin/own"],"cwd":"/srv"}})", 0600));
    auto spec = spec_of(terminal, {"--spec", dir.path("spec"), "--privileged"}, {});
    CHECK(spec.at_pointer("/process/args") == json::parse(R"(["/bin/own"])"));
    CHECK(spec.at_pointer("/process/cwd") == json::value("/srv"));
    CHECK(spec.at_pointer("/process/capabilities/bounding").as_array().size() == 41);
    CHECK(spec_of(terminal, {"--spec", dir.path("spec")}).at_pointer("/process/args") == json::parse(R"(["x"])"));
}

TEST_CASE("options that exclude each other are named", "[vminitctl]") {
    CHECK(refusal({"--privileged", "--cap-drop", "all"}).find("--privileged and --cap-add or --cap-drop") !=
          std::string::npos);
    CHECK(refusal({"--spec", "a", "--image-config", "b"}).find("--spec and --image-config exclude") !=
          std::string::npos);
    CHECK(refusal({"--user", "a:b:c"}).find("\"a:b:c\" is not USER") != std::string::npos);
    CHECK(refusal({"--cap-add", "fly"}).find("\"fly\" is no capability") != std::string::npos);
    CHECK(refusal({"--ulimit", "nofil=5"}).find("did you mean nofile?") != std::string::npos);
    CHECK(refusal({"-v", "data:/d"}).find("absolute path of the guest") != std::string::npos);
}

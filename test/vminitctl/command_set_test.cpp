// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "build_commit.hpp"
#include "container_options.hpp"
#include "endpoints.hpp"
#include "fresh_id.hpp"
#include "vminit/core/identifier.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

awaitable<result<int>> nothing(client_session&) { co_return 0; }

/// The real options of `run` and a command without any, so that parsing is tested without a guest.
struct command_line {
    command_line() {
        commands.add("ping", "ask", nothing);
        declare_container_options(commands, commands.add("run", "run", nothing), container);
    }

    std::optional<parse_stop> parse(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "--address=unix:///x");
        return commands.parse(std::move(arguments), invoked);
    }

    std::string failure_of(std::vector<std::string> arguments) {
        auto stop = parse(std::move(arguments));
        if (!stop) return "no failure";
        CHECK(stop->status == exit_usage);
        return stop->text;
    }

    command_set commands;
    container_options container;
    invocation invoked;
};

}  // namespace

TEST_CASE("global options come before or after the command", "[vminitctl]") {
    command_line before;
    REQUIRE_FALSE(before.parse({"--json", "--timeout", "1.5", "ping"}));
    CHECK(before.invoked.options.address == "unix:///x");
    CHECK(before.invoked.options.format == output_format::json);
    CHECK(before.invoked.options.call_limit() == std::chrono::milliseconds(1500));
    command_line after;
    REQUIRE_FALSE(after.parse({"ping", "--json", "--stream-address", "unix:///y"}));
    CHECK(after.invoked.options.format == output_format::json);
    CHECK(after.invoked.options.stream_address == "unix:///y");
}

TEST_CASE("the format of answers is named, --json is short for one of them", "[vminitctl]") {
    auto format_of = [](std::vector<std::string> words) {
        command_line line;
        REQUIRE_FALSE(line.parse(std::move(words)));
        return line.invoked.options.format;
    };
    CHECK(format_of({"ping"}) == output_format::text);
    CHECK(format_of({"ping", "--json", "--json"}) == output_format::json);
    CHECK(format_of({"--format", "json", "ping"}) == output_format::json);
    CHECK(format_of({"ping", "--format=jsonl"}) == output_format::json_lines);
    CHECK(format_of({"--format", "json", "ping", "--format", "text"}) == output_format::text);
    CHECK(command_line().failure_of({"ping", "--format", "yaml"}).find("\"yaml\" is not text, json or jsonl") !=
          std::string::npos);
    CHECK(command_line().failure_of({"ping", "--format", "text", "--json"}).find("--format excludes --json") !=
          std::string::npos);
}

TEST_CASE("a family of commands has members, which need no guest's address if they say so", "[vminitctl]") {
    command_set commands;
    auto& family = commands.add_family("vm", "VMs");
    commands.add_to(family, "list", "all", nothing, command_traits{needs::no_address, status_of::command, false});
    auto& start = commands.add_to(family, "start", "one", nothing);
    std::string name;
    start.add_option("NAME", name)->required();
    invocation invoked;
    REQUIRE_FALSE(commands.parse({"vm", "list", "--json"}, invoked));
    CHECK(invoked.options.format == output_format::json);
    CHECK(invoked.traits.connection == needs::no_address);
    CHECK(commands.parse({"vm"}, invoked)->text ==
          "vminitctl: vm: A subcommand is required (see vminitctl vm --help)\n");
    CHECK(commands.parse({"vm", "start"}, invoked)->text ==
          "vminitctl: vm start: NAME is required (see vminitctl vm start --help)\n");
    auto help = commands.parse({"vm", "start", "--help"}, invoked);
    CHECK(help->status == 0);
    CHECK(help->text.find("NAME") != std::string::npos);
}

TEST_CASE("a mistake is one line and status 2", "[vminitctl]") {
    CHECK(command_line().failure_of({}) == "vminitctl: A subcommand is required (see vminitctl --help)\n");
    CHECK(command_line().failure_of({"pong"}).find("vminitctl: ") == 0);
    CHECK(command_line().failure_of({"ping", "--", "x"}) ==
          "vminitctl: ping: takes nothing after -- (see vminitctl ping --help)\n");
    CHECK(command_line().failure_of({"run", "--rootfs", "root"}) ==
          "vminitctl: run: give the container's command line after -- (see vminitctl run --help)\n");
    CHECK(command_line().failure_of({"run", "--", "sh"}) ==
          "vminitctl: run: --rootfs is required (see vminitctl run --help)\n");
    CHECK(command_line().failure_of({"run", "--rootfs", "root", "--memory", "lots", "--", "sh"}) ==
          "vminitctl: run: \"lots\" is not a size such as 67108864, 64M or 1.5G (see vminitctl run --help)\n");
    CHECK(command_line().failure_of({"run", "a..b", "--rootfs", "root", "--", "sh"}) ==
          "vminitctl: run: \"a..b\" is not a container id (letters, digits, single . _ - between them, at most 76) "
          "(see vminitctl run --help)\n");
    CHECK(command_line().failure_of({"run", "a", "--id", "b", "--rootfs", "root", "--", "sh"}) ==
          "vminitctl: run: NAME and --id name different containers (see vminitctl run --help)\n");
    CHECK(
        command_line().failure_of({"run", "--rootfs", "a/b", "--", "sh"}) ==
        "vminitctl: run: \"a/b\" is neither an absolute path nor a disk's serial number (see vminitctl run --help)\n");
}

TEST_CASE("without an address there is nobody to ask", "[vminitctl]") {
    command_set commands;
    commands.add("ping", "ask", nothing);
    invocation invoked;
    auto stop = commands.parse({"ping"}, invoked);
    REQUIRE(stop);
    CHECK(stop->status == exit_usage);
    CHECK(stop->text ==
          "vminitctl: ping: give --address, --vm or --container, or set VMINIT_ADDRESS (see vminitctl ping --help)\n");
}

TEST_CASE("help and version are answers, not mistakes", "[vminitctl]") {
    auto help = command_line().parse({"--help"});
    REQUIRE(help);
    CHECK(help->status == 0);
    CHECK(help->text.find("ping") != std::string::npos);
    auto of_run = command_line().parse({"run", "--help"});
    REQUIRE(of_run);
    CHECK(of_run->status == 0);
    CHECK(of_run->text.find("--rootfs") != std::string::npos);
    auto version = command_line().parse({"--version"});
    REQUIRE(version);
    CHECK(version->status == 0);
    CHECK(version->text.starts_with("vminitctl "));
    CHECK(version->text.find(build_commit()) != std::string::npos);
}

TEST_CASE("a container's command line needs no --, behind the words that are ours", "[vminitctl]") {
    using words = std::vector<std::string>;
    auto arguments_of = [](words typed) {
        command_line line;
        auto stop = line.parse(std::move(typed));
        return stop ? words{stop->text} : line.container.spec.process.arguments;
    };
    CHECK(arguments_of({"run", "--rootfs", "root", "web", "sh", "-c", "--json"}) == words{"sh", "-c", "--json"});
    CHECK(arguments_of({"run", "web", "--rootfs=root", "-t", "sh", "--", "x"}) != words{"sh", "--", "x"});
    CHECK(arguments_of({"--json", "run", "-e", "A=1", "-tw", "/srv", "-u5", "--rootfs", "root", "web", "echo",
                        "run"}) == words{"echo", "run"});
    CHECK(arguments_of({"--timeout", "3", "run", "--timeout", "4", "--rootfs", "root", "web", "ps"}) == words{"ps"});
    CHECK(arguments_of({"run", "--rootfs", "root", "web"}) ==
          words{"vminitctl: run: give the container's command line after -- (see vminitctl run --help)\n"});
    command_line named;
    REQUIRE_FALSE(named.parse({"run", "--rootfs", "root", "web", "sh"}));
    CHECK(named.container.name == "web");
}

TEST_CASE("a command that is not there is named, with the nearest one", "[vminitctl]") {
    CHECK(command_line().failure_of({"rnu", "x"}) ==
          "vminitctl: there is no command \"rnu\"; did you mean run? (see vminitctl --help)\n");
    CHECK(command_line().failure_of({"--json", "launch"}) ==
          "vminitctl: there is no command \"launch\" (see vminitctl --help)\n");
    command_set commands;
    commands.add_to(commands.add_family("vm", "VMs"), "list", "all", nothing);
    invocation invoked;
    auto stop = commands.parse({"vm", "lits"}, invoked);
    REQUIRE(stop);
    CHECK(stop->text == "vminitctl: vm: there is no command \"lits\"; did you mean list? (see vminitctl vm --help)\n");
}

TEST_CASE("help is a word, too, and lists commands by subject", "[vminitctl]") {
    command_set commands;
    commands.begin_group("Containers");
    commands.add("run", "run one", nothing);
    invocation invoked;
    auto help = commands.parse({"help"}, invoked);
    REQUIRE(help);
    CHECK(help->status == 0);
    CHECK(help->text.find("Containers:\n  run ") != std::string::npos);
}

TEST_CASE("everything after -- is the container's, whatever it looks like", "[vminitctl]") {
    command_line line;
    REQUIRE_FALSE(line.parse({"run", "web", "--rootfs", "root", "-t", "--", "sh", "--json", "--", "-x"}));
    CHECK(line.container.name == "web");
    CHECK(line.container.spec.process.terminal);
    CHECK(line.container.spec.process.arguments == std::vector<std::string>{"sh", "--json", "--", "-x"});
    CHECK(line.invoked.options.format == output_format::text);
}

TEST_CASE("repeatable options take one value each and leave the name alone", "[vminitctl]") {
    command_line line;
    REQUIRE_FALSE(line.parse({"run", "--rootfs", "root", "--env", "A=1", "--env", "B", "web", "--mount",
                              "type=tmpfs,target=/t", "--", "sh"}));
    CHECK(line.container.name == "web");
    CHECK(line.container.spec.process.environment == std::vector<std::string>{"A=1", "B"});
    REQUIRE(line.container.spec.mounts.size() == 1);
    CHECK(line.container.spec.mounts[0].target == "/t");
}

TEST_CASE("run's options become a bundle and mounts", "[vminitctl]") {
    command_line line;
    REQUIRE_FALSE(line.parse({"run", "--id", "web", "--rootfs", "/srv", "--pid=host", "--memory=64M", "--cpus=1.5",
                              "--pids=9", "--user=5:6", "--cwd=/tmp", "--hostname=box", "--read-only", "--", "sh"}));
    auto request = make_request(line.container).value();
    CHECK(request.id == "web");
    CHECK(request.rootfs == std::vector<system::mount_entry>{{"bind", "/srv", "", {"rbind", "rw"}}});
    auto spec = boost::json::parse(request.config_json);
    CHECK(spec.at_pointer("/hostname").as_string() == "box");
    CHECK(spec.at_pointer("/root/readonly").as_bool());
    CHECK(spec.at_pointer("/process/cwd").as_string() == "/tmp");
    CHECK(spec.at_pointer("/process/user/gid").to_number<int>() == 6);
    CHECK(spec.at_pointer("/linux/namespaces").as_array().size() == 3);
    CHECK(spec.at_pointer("/linux/resources/memory/limit").to_number<int>() == 67108864);
    CHECK(spec.at_pointer("/linux/resources/cpu/quota").to_number<int>() == 150000);
    CHECK(spec.at_pointer("/linux/resources/pids/limit").to_number<int>() == 9);
}

TEST_CASE("a container without a name gets one of its own", "[vminitctl]") {
    container_options options;
    options.rootfs = "root";
    auto first = make_request(options).value().id;
    CHECK(first.starts_with("ctl-"));
    CHECK(is_identifier(first));
    CHECK(make_request(options).value().id != first);
}

TEST_CASE("stream ids are different and out of the hosts' way", "[vminitctl]") {
    auto ids = fresh_stream_ids(3);
    REQUIRE(ids.size() == 3);
    for (auto id : ids) CHECK(id >= 0x80000000U);
    CHECK(ids[0] != ids[1]);
    CHECK(ids[1] != ids[2]);
    CHECK(ids[0] != ids[2]);
}

TEST_CASE("the streams are one port up, and must be named for a unix socket", "[vminitctl]") {
    CHECK(default_stream_address("vsock://3:1024").value() == "vsock://3:1025");
    CHECK(default_stream_address("hvsock:///run/vm.sock:1024").value() == "hvsock:///run/vm.sock:1025");
    CHECK(default_stream_address("unix:///x").error().message() ==
          "unix:///x does not say where the streams are: give --stream-address: invalid argument");
    CHECK_FALSE(default_stream_address("vsock://3:x"));
    CHECK_FALSE(default_stream_address("vsock://3:4294967295"));
}

TEST_CASE("a wrong address is a wrong command line, of run one that is no process's status", "[vminitctl]") {
    command_set commands;
    invocation invoked;
    commands.add("ping", "ask", nothing);
    commands.add("wait", "wait", nothing, command_traits{needs::guest, status_of::process});
    auto [command, status] = GENERATE(table<std::string, int>({{"ping", exit_usage}, {"wait", exit_ours}}));
    auto option = GENERATE(std::string("--address=nonsense"), std::string("--stream-address=x://"));
    auto stop = commands.parse({"--address=unix:///x", command, option}, invoked);
    REQUIRE(stop);
    CHECK(stop->status == status);
    stop = commands.parse({"--address=unix:///x", command, "--no-such-option"}, invoked);
    REQUIRE(stop);
    CHECK(stop->status == status);
}

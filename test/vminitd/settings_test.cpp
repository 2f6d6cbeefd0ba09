// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitd;

namespace {

loaded_settings load(std::vector<std::string> arguments, std::string_view cmdline = "") {
    return load_settings(arguments, kernel_cmdline(cmdline));
}

}  // namespace

TEST_CASE("without any source every setting has its default", "[vminitd]") {
    auto loaded = load({});
    CHECK(loaded.problems.empty());
    CHECK(loaded.values.rpc_port == 1024);
    CHECK(loaded.values.stream_port == 1025);
    CHECK(loaded.values.log_format == "json");
}

TEST_CASE("Go's flag syntax is understood in all its forms", "[vminitd]") {
    auto loaded = load({"-vsock-rpc-port=1025", "--vsock-stream-port", "1026", "-debug", "--no-pivot=true",
                        "-vsock-allow-cid=1,4", "-log-format", "text"});
    CHECK(loaded.problems.empty());
    CHECK(loaded.values.rpc_port == 1025);
    CHECK(loaded.values.stream_port == 1026);
    CHECK(loaded.values.debug);
    CHECK(loaded.values.no_pivot);
    CHECK(loaded.values.allowed_cids == std::vector<std::uint32_t>{1, 4});
    CHECK(loaded.values.log_format == "text");
}

TEST_CASE("a bad flag costs a line in the log and nothing else", "[vminitd]") {
    auto loaded = load({"nokaslr", "-no-such-flag=3", "-vsock-rpc-port=abc", "-debug=perhaps", "-log-level=loud",
                        "-vsock-stream-port=2000", "-vsock-cid"});
    CHECK(loaded.values.rpc_port == 1024);
    CHECK_FALSE(loaded.values.debug);
    CHECK(loaded.values.log_level == "info");
    CHECK(loaded.values.stream_port == 2000);
    REQUIRE(loaded.problems.size() == 5);
    CHECK(loaded.problems[0].name == "no-such-flag");
    CHECK(loaded.problems[0].reason == "unknown, ignored");
    CHECK(loaded.problems[1].reason == "needs a value, ignored");
    CHECK(loaded.problems[2].reason == "\"abc\" is not a number from 1 to 4294967294");
    CHECK(loaded.problems[4].reason == "\"loud\" is not one of debug|info|warn|error");
}

TEST_CASE("a flag beats the file, the file beats the kernel command line, that beats the default", "[vminitd]") {
    test::temporary_directory dir;
    auto path = dir.path("c.json");
    REQUIRE(replace_file(path, R"({"rpc_port": 2, "stream_port": 3, "debug": true, "plugin_configs": {}, "vsock_allow_cid": [1, 9]})",
                         0600));
    auto loaded = load({"-config=" + path, "-vsock-rpc-port=1"},
                       "vminit.vsock-rpc-port=7 vminit.vsock-stream-port=7 vminit.vsock-cid=7 vminit.no-pivot");
    CHECK(loaded.problems.empty());
    CHECK(loaded.values.rpc_port == 1);
    CHECK(loaded.values.stream_port == 3);
    CHECK(loaded.values.cid == 7);
    CHECK(loaded.values.debug);
    CHECK(loaded.values.no_pivot);
    CHECK(loaded.values.allowed_cids == std::vector<std::uint32_t>{1, 9});
}

TEST_CASE("an unreadable, invalid or ill-typed file is told and the rest goes on", "[vminitd]") {
    test::temporary_directory dir;
    auto path = dir.path("c.json");
    CHECK(load({"-config=" + dir.path("none")}).problems.at(0).reason.find("No such file") != std::string::npos);
    REQUIRE(replace_file(path, "{", 0600));
    CHECK(load({"-config=" + path}).problems.size() == 1);
    REQUIRE(replace_file(path, "[]", 0600));
    CHECK(load({"-config=" + path}).problems.at(0).reason == "not a JSON object");
    REQUIRE(replace_file(path, R"({"rpc_port": {"a": 1}, "stream_port": -1, "debug": true})", 0600));
    auto loaded = load({"-config=" + path});
    CHECK(loaded.problems.size() == 2);
    CHECK(loaded.values.rpc_port == 1024);
    CHECK(loaded.values.debug);
}

TEST_CASE("help names every setting", "[vminitd]") {
    auto text = help_text();
    for (const auto& row : setting_table()) CHECK(text.find("-" + std::string(row.flag)) != std::string::npos);
}

TEST_CASE("help tells the defaults", "[vminitd]") {
    auto text = help_text();
    CHECK(text.find("vsock port of the ttrpc server (1024)") != std::string::npos);
    CHECK(text.find("no-pivot") != std::string::npos);
}

TEST_CASE("numbers have their range and the default stays otherwise", "[vminitd]") {
    auto loaded = load({"-vsock-rpc-port=0", "-vsock-stream-port=4294967295", "-thaw-limit=0", "-supervisor.memory=64"});
    CHECK(loaded.values.rpc_port == 1024);
    CHECK(loaded.values.stream_port == 1025);
    CHECK(loaded.values.thaw_limit == 60);
    CHECK(loaded.values.supervisor_memory == 64);
    REQUIRE(loaded.problems.size() == 3);
    CHECK(loaded.problems[0].reason == "\"0\" is not a number from 1 to 4294967294");
    CHECK(loaded.problems[2].reason == "\"0\" is not a number from 1 to 86400");
}

TEST_CASE("the agent's user is a number that the kernel takes for one, else root", "[vminitd]") {
    CHECK(load({"-supervisor.uid=4294967294"}).values.supervisor_uid == 4294967294);
    auto bad = GENERATE("4294967295", "-1", "nobody", "1000:1000", "");
    auto loaded = load({"-supervisor.uid=" + std::string(bad)});
    CHECK(loaded.values.supervisor_uid == 0);
    REQUIRE(loaded.problems.size() == 1);
    CHECK(loaded.problems[0].reason == "\"" + std::string(bad) + "\" is not a number from 0 to 4294967294");
    auto next = load({"-supervisor.uid=" + std::string(bad)}, "vminit.supervisor.uid=1000");
    CHECK(next.values.supervisor_uid == 1000);
    CHECK(next.problems.size() == 1);
}

TEST_CASE("the directory that is emptied at power-off is one of its own", "[vminitd]") {
    auto bad = GENERATE("", "/", "/run", "/run/", "/run/../etc", "/run//a", "/run/.", "run/bundles");
    CAPTURE(bad);
    auto loaded = load({"-bundle-root=" + std::string(bad)});
    CHECK(loaded.values.bundle_root == "/run/bundles");
    CHECK(loaded.problems.size() == 1);
    CHECK(load({"-bundle-root=/run/b/c"}).values.bundle_root == "/run/b/c");
    CHECK(load({"-runtime=crun"}).problems.at(0).reason == "\"crun\" is not an absolute path");
}

TEST_CASE("a list is all of one source, a repeated flag adds to it", "[vminitd]") {
    auto words = std::string("vminit.net=eth0,mtu=1400 vminit.net=eth1,address=fd00::2/64 vminit.disabled-plugins=a,b");
    auto loaded = load({}, words);
    CHECK(loaded.values.network == std::vector<std::string>{"eth0,mtu=1400", "eth1,address=fd00::2/64"});
    CHECK(loaded.values.disabled_plugins == std::vector<std::string>{"a", "b"});
    CHECK(load({"-net=eth2", "-net", "eth3,mtu=9"}, words).values.network ==
          std::vector<std::string>{"eth2", "eth3,mtu=9"});
    CHECK(load({"-vsock-allow-cid=5", "-vsock-allow-cid=6,7"}).values.allowed_cids ==
          std::vector<std::uint32_t>{5, 6, 7});

    test::temporary_directory dir;
    auto path = dir.path("c.json");
    REQUIRE(replace_file(path, R"({"net": ["eth4"], "disabled_plugins": "x", "rpc_port": [1], "debug": null,
                                   "vsock_allow_cid": [{}]})", 0600));
    auto from_file = load({"-config=" + path}, words);
    CHECK(from_file.values.network == std::vector<std::string>{"eth4"});
    CHECK(from_file.values.disabled_plugins == std::vector<std::string>{"x"});
    CHECK(from_file.problems.size() == 3);
    CHECK(from_file.values.rpc_port == 1024);
}

// SPDX-License-Identifier: Apache-2.0
#include "shim_command_line.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;

namespace {

shim_request read(std::vector<std::string> arguments, environment variables = {}) {
    auto request = read_command_line(arguments, variables);
    REQUIRE(request);
    return *request;
}

}  // namespace

TEST_CASE("flags are read as Go writes them", "[shim]") {
    auto spelled = GENERATE(std::vector<std::string>{"-namespace", "k8s.io", "-id", "c1", "-address", "/c.sock",
                                                     "-publish-binary", "/bin/containerd", "start"},
                            std::vector<std::string>{"--namespace=k8s.io", "-id=c1", "--address", "/c.sock",
                                                     "--publish-binary=/bin/containerd", "start"});
    auto request = read(spelled);
    CHECK(request.action == shim_action::start);
    CHECK(request.space == "k8s.io");
    CHECK(request.id == "c1");
    CHECK(request.grpc_address == "/c.sock");
    CHECK(request.containerd_binary == "/bin/containerd");
    CHECK_FALSE(request.is_debug);
}

TEST_CASE("the action and the switches", "[shim]") {
    CHECK(read({"-namespace", "n", "-bundle", "/b", "-debug", "delete"}).action == shim_action::remove);
    CHECK(read({"-bundle=/b", "delete"}).bundle == "/b");
    CHECK(read({"-debug", "start"}).is_debug);
    CHECK(read({"-info"}).action == shim_action::info);
    CHECK(read({"-v"}).action == shim_action::version);
    CHECK(read({"-socket", "/s", "serve"}).socket == "/s");
}

TEST_CASE("flags of later daemons are passed over", "[shim]") {
    auto request = read({"-something-new=1", "-other", "-id", "c", "-debug-socket", "/d", "start"});
    CHECK(request.id == "c");
    CHECK(request.action == shim_action::start);
}

TEST_CASE("the environment says where events go and what answers are read", "[shim]") {
    auto old = read({"start"}, {{"TTRPC_ADDRESS", "/t.sock"}});
    CHECK(old.ttrpc_address == "/t.sock");
    CHECK_FALSE(old.knows_json);
    CHECK(read({"start"}, {{"MAX_SHIM_VERSION", "2"}}).knows_json);
}

TEST_CASE("a wrong command line is an error that names the word", "[shim]") {
    CHECK(read_command_line({"begin"}, {}).error().message().find("\"begin\"") != std::string::npos);
    CHECK(read_command_line({"start", "-id"}, {}).error().message().find("-id") != std::string::npos);
}

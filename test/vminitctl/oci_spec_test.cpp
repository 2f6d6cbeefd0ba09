// SPDX-License-Identifier: Apache-2.0
#include "oci_spec.hpp"

#include <stdlib.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <set>

using namespace vminit;
using namespace vminit::vminitctl;
namespace json = boost::json;

namespace {

spec_options web() {
    spec_options options;
    options.id = "web";
    options.process.arguments = {"/bin/sh", "-c", "exit 3"};
    return options;
}

std::string at(const json::object& spec, std::string_view pointer) {
    return json::serialize(json::value(spec).at_pointer(pointer));
}

std::set<std::string> namespaces(const json::object& spec) {
    std::set<std::string> types;
    json::value whole(spec);
    for (const auto& entry : whole.at_pointer("/linux/namespaces").as_array()) {
        CHECK(entry.as_object().size() == 1);
        types.emplace(entry.at("type").as_string());
    }
    return types;
}

}  // namespace

TEST_CASE("a plain container gets a complete runtime-spec 1.0.2 document", "[vminitctl]") {
    auto spec = make_spec(web());
    CHECK(at(spec, "/ociVersion") == R"("1.0.2")");
    CHECK(at(spec, "/process/args") == R"(["/bin/sh","-c","exit 3"])");
    CHECK(at(spec, "/process/env") == R"(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])");
    CHECK(at(spec, "/process/cwd") == R"("/")");
    CHECK(at(spec, "/process/user") == R"({"uid":0,"gid":0})");
    CHECK(at(spec, "/process/terminal") == "false");
    CHECK_FALSE(json::value(spec).at("process").as_object().contains("rlimits"));
    CHECK(at(spec, "/root") == R"({"path":"rootfs","readonly":false})");
    CHECK(at(spec, "/hostname") == R"("web")");
    CHECK(at(spec, "/linux/cgroupsPath") == R"("/default/web")");
    CHECK(at(spec, "/linux/resources") == R"({"devices":[{"allow":true,"access":"rwm"}]})");
    CHECK(at(spec, "/process/capabilities/effective") == at(spec, "/process/capabilities/bounding"));
    CHECK(json::value(spec).at_pointer("/process/capabilities/effective").as_array().size() == 41);
}

TEST_CASE("a container shares the VM's network and cgroups, and its pids only when asked", "[vminitctl]") {
    auto options = web();
    CHECK(namespaces(make_spec(options)) == std::set<std::string>{"pid", "ipc", "uts", "mount"});
    options.pids = pid_namespace::host;
    CHECK(namespaces(make_spec(options)) == std::set<std::string>{"ipc", "uts", "mount"});
}

TEST_CASE("what is asked for is in the spec", "[vminitctl]") {
    auto options = web();
    options.process.terminal = true;
    options.process.user = "1000:100";
    options.process.working_directory = "/srv";
    options.process.environment = {"A=1", "PATH=/bin"};
    options.hostname = "box";
    options.root = root_access::read_only;
    options.resources.memory = 67108864;
    options.resources.cpu_thousandths = 500;
    options.resources.pids = 20;
    options.limits = {{"RLIMIT_NOFILE", 10, 20}};
    options.mounts = {{"tmpfs", "tmpfs", "/t", {"size=1m", "ro"}}};
    auto spec = make_spec(options);
    CHECK(at(spec, "/process/terminal") == "true");
    CHECK(at(spec, "/process/user") == R"({"uid":1000,"gid":100})");
    CHECK(at(spec, "/process/cwd") == R"("/srv")");
    CHECK(at(spec, "/process/env") == R"(["A=1","PATH=/bin","TERM=xterm"])");
    CHECK(at(spec, "/process/rlimits") == R"([{"type":"RLIMIT_NOFILE","hard":20,"soft":10}])");
    CHECK(at(spec, "/hostname") == R"("box")");
    CHECK(at(spec, "/root/readonly") == "true");
    CHECK(at(spec, "/linux/resources/memory") == R"({"limit":67108864})");
    CHECK(at(spec, "/linux/resources/cpu") == R"({"quota":50000,"period":100000})");
    CHECK(at(spec, "/linux/resources/pids") == R"({"limit":20})");
    CHECK(json::serialize(json::value(spec).at("mounts").as_array().back()) ==
          R"({"destination":"/t","type":"tmpfs","source":"tmpfs","options":["size=1m","ro"]})");
}

TEST_CASE("a bare variable name takes our value, and is left out when we have none", "[vminitctl]") {
    ::setenv("VMINITCTL_TEST", "x y", 1);
    ::unsetenv("VMINITCTL_NONE");
    process_options options;
    options.environment = {"PATH=/bin", "VMINITCTL_TEST", "VMINITCTL_NONE"};
    CHECK(at(make_process(options), "/env") == R"(["PATH=/bin","VMINITCTL_TEST=x y"])");
}

TEST_CASE("resources hold only what is set", "[vminitctl]") {
    resource_options options;
    CHECK(options.is_empty());
    CHECK(json::serialize(make_resources(options)) == "{}");
    options.pids = 5;
    CHECK_FALSE(options.is_empty());
    CHECK(json::serialize(make_resources(options)) == R"({"pids":{"limit":5}})");
}

TEST_CASE("a user is given by names or numbers, which the guest looks up but for two numbers", "[vminitctl]") {
    auto user_of = [](std::string user) {
        process_options options;
        options.user = parse_user(user).value();
        return json::serialize(make_process(options).at("user"));
    };
    CHECK(user_of("7:8") == R"({"uid":7,"gid":8})");
    auto name = GENERATE(as<std::string>{}, "nginx", "nginx:www", "7:www", "nginx:8", "7", ":www", "4294967294");
    CHECK(user_of(name) == R"({"username":")" + name + R"("})");
}

TEST_CASE("what names no user is refused", "[vminitctl]") {
    auto text = GENERATE(as<std::string>{}, "", ":", "nginx:", "7:", "a:b:c", "4294967295", "nginx:4294967296");
    CAPTURE(text);
    CHECK(parse_user(text).error().kind() == errc::invalid_argument);
}

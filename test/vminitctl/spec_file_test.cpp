// SPDX-License-Identifier: Apache-2.0
#include "spec_file.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "oci_spec.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
namespace json = boost::json;

namespace {

constexpr std::string_view own = R"({"ociVersion":"1.1.0","process":{"args":["/bin/serve"],"env":["MODE=own"],
    "user":{"uid":5,"gid":6,"additionalGids":[7]},"cwd":"/srv","noNewPrivileges":true,
    "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]}},
    "root":{"path":"elsewhere","readonly":true},"hostname":"own","x-unknown":[1],
    "linux":{"namespaces":[{"type":"pid"},{"type":"network"}],"resources":{"memory":{"limit":9,"swap":10}},
             "seccomp":{},"maskedPaths":["/proc/kcore"]}})";

json::value made(spec_options options = {}) {
    options.id = "web";
    options.document = parse_spec(own, "own.json").value();
    return make_spec(options);
}

std::string at(const json::value& spec, std::string_view pointer) { return json::serialize(spec.at_pointer(pointer)); }

}  // namespace

TEST_CASE("a spec of one's own keeps what no option changes", "[vminitctl]") {
    auto spec = made();
    CHECK(at(spec, "/ociVersion") == R"("1.1.0")");
    CHECK(at(spec, "/process/args") == R"(["/bin/serve"])");
    CHECK(at(spec, "/process/user") == R"({"uid":5,"gid":6,"additionalGids":[7]})");
    CHECK(at(spec, "/process/cwd") == R"("/srv")");
    CHECK(at(spec, "/process/noNewPrivileges") == "true");
    CHECK(at(spec, "/process/capabilities/bounding") == R"(["CAP_KILL"])");
    CHECK(at(spec, "/root") == R"({"path":"rootfs","readonly":true})");
    CHECK(at(spec, "/hostname") == R"("own")");
    CHECK(at(spec, "/x-unknown") == "[1]");
    CHECK(at(spec, "/linux/namespaces") == R"([{"type":"pid"},{"type":"network"}])");
    CHECK(at(spec, "/linux/cgroupsPath") == R"("/default/web")");
    CHECK(at(spec, "/linux/seccomp") == "{}");
    CHECK(at(spec, "/mounts") == "[]");
}

TEST_CASE("options change a spec of one's own", "[vminitctl]") {
    spec_options options;
    options.process.arguments = {"/bin/sh", "-i"};
    options.process.environment = {"MODE=given", "MORE=1", "PATH=/bin"};
    options.process.user = "1:2";
    options.capabilities.added = {"CAP_CHOWN"};
    options.resources.memory = 20;
    options.pids = pid_namespace::host;
    options.annotations = {{"a/b", "c=d"}};
    options.hostname = "box";
    options.mounts = {{"tmpfs", "tmpfs", "/t", {}}};
    auto spec = made(options);
    CHECK(at(spec, "/process/args") == R"(["/bin/sh","-i"])");
    CHECK(at(spec, "/process/env") == R"(["MODE=given","MORE=1","PATH=/bin"])");
    CHECK(at(spec, "/process/user") == R"({"uid":1,"gid":2})");
    CHECK(at(spec, "/process/capabilities/effective") == R"(["CAP_KILL","CAP_CHOWN"])");
    CHECK(at(spec, "/linux/resources/memory") == R"({"limit":20,"swap":10})");
    CHECK(at(spec, "/linux/namespaces") == R"([{"type":"network"}])");
    CHECK(at(spec, "/annotations") == R"({"a/b":"c=d"})");
    CHECK(at(spec, "/hostname") == R"("box")");
    CHECK(at(spec, "/mounts/0/destination") == R"("/t")");
}

TEST_CASE("a privileged container has what its spec kept back", "[vminitctl]") {
    spec_options options;
    options.rights = privilege::full;
    auto spec = made(options);
    CHECK(spec.at_pointer("/process/capabilities/effective").as_array().size() == 41);
    CHECK(at(spec, "/process/noNewPrivileges") == "false");
    CHECK_FALSE(spec.at("linux").as_object().contains("seccomp"));
    CHECK_FALSE(spec.at("linux").as_object().contains("maskedPaths"));
    CHECK(at(spec, "/linux/resources/devices") == R"([{"allow":true,"access":"rwm"}])");
}

TEST_CASE("what is no spec is said with the part that is wrong", "[vminitctl]") {
    auto why = [](std::string_view text) { return parse_spec(text, "f").error().context(); };
    CHECK_THAT(why("{"), Catch::Matchers::StartsWith("f: it is not JSON ("));
    CHECK(why("[]") == "f: it is not an OCI config.json");
    CHECK(why(R"({"process":1})") == "f: process is not an object");
    CHECK(why(R"({"process":{"args":"x"}})") == "f: process.args is not a list");
    CHECK(why(R"({"process":{"rlimits":{}}})") == "f: process.rlimits is not a list");
    CHECK(why(R"({"process":{"env":[1]}})") == "f: process.env is not a list of texts");
    CHECK(why(R"({"linux":{"namespaces":{}}})") == "f: linux.namespaces is not a list");
    CHECK(why(R"({"mounts":{}})") == "f: mounts is not a list");
}

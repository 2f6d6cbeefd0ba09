// SPDX-License-Identifier: Apache-2.0
#include "guest_spec.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;
namespace json = boost::json;

namespace {

guest_spec_input world() {
    guest_spec_input input;
    input.id = "c1";
    input.kind_of = [](const std::string& path) {
        if (path.starts_with("/files/")) return source_kind::file;
        if (path.starts_with("/dirs/")) return source_kind::directory;
        if (path.starts_with("/big/")) return source_kind::big_file;
        return path.starts_with("/dev/") ? source_kind::other : source_kind::missing;
    };
    input.namespace_path = [](const std::string& type, const std::string& path) {
        return path == "/proc/9/ns/" + type ? "/proc/70/ns/" + type : std::string();
    };
    return input;
}

std::string spec_with(const std::string& more) {
    return R"({"ociVersion":"1.3.0","root":{"path":"/host/rootfs"})" + more + "}";
}

guest_spec made(const std::string& more) {
    auto spec = make_guest_spec(spec_with(more), world());
    REQUIRE(spec);
    return std::move(*spec);
}

json::value document(const guest_spec& spec) { return json::parse(spec.config_json); }

void check_refused(const std::string& text, errc kind, const std::string& part) {
    auto spec = make_guest_spec(text, world());
    REQUIRE_FALSE(spec);
    CAPTURE(spec.error().message());
    CHECK(spec.error().kind() == kind);
    CHECK(spec.error().message().find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("a spec of this machine becomes one of the guest's", "[shim]") {
    auto spec = made(R"(,"process":{"args":["sh"]},"linux":{"cgroupsPath":"system.slice:cri:x","seccomp":{"a":1}})");
    auto root = document(spec);
    CHECK(root.at("ociVersion") == "1.0.2");
    CHECK(root.at("root").at("path") == "rootfs");
    CHECK(root.at("linux").at("cgroupsPath") == "/vminit/c1");
    CHECK(root.at("linux").at("seccomp").at("a") == 1);  // the guest's to judge
    CHECK(root.at("process").at("args").at(0) == "sh");
    CHECK(spec.remarks.empty());
}

TEST_CASE("hooks are programs of the host", "[shim]") {
    auto spec = made(R"(,"hooks":{"prestart":[{"path":"/usr/bin/nvidia"}]})");
    CHECK_FALSE(document(spec).as_object().contains("hooks"));
    REQUIRE(spec.remarks.size() == 1);
    CHECK(spec.remarks[0].find("hooks") != std::string::npos);
}

TEST_CASE("namespaces: the VM is the network's, a pod's others are the guest's", "[shim]") {
    auto spec = made(
        R"(,"linux":{"namespaces":[{"type":"network","path":"/var/run/netns/x"},{"type":"cgroup"},{"type":"mount"},)"
        R"({"type":"pid","path":"/proc/9/ns/pid"}]})");
    CHECK(document(spec).at("linux").at("namespaces") ==
          json::parse(R"([{"type":"mount"},{"type":"pid","path":"/proc/70/ns/pid"}])"));
    check_refused(spec_with(R"(,"linux":{"namespaces":[{"type":"ipc","path":"/proc/8/ns/ipc"}]})"),
                  errc::failed_precondition, "/proc/8/ns/ipc");
}

TEST_CASE("files travel with the bundle", "[shim]") {
    auto spec = made(R"(,"mounts":[{"destination":"/proc","type":"proc","source":"proc"},)"
                     R"({"destination":"/etc/hosts","type":"bind","source":"/files/hosts","options":["rbind","ro"]},)"
                     R"({"destination":"/w","type":"none","source":"/files/w","options":["bind"]}])");
    CHECK(spec.files == std::vector<bundle_file>{{"/files/hosts", "mount-0"}, {"/files/w", "mount-1"}});
    auto mounts = document(spec).at("mounts");
    CHECK(mounts.at(0).at("source") == "proc");
    CHECK(mounts.at(1).at("source") == "mount-0");
    CHECK(mounts.at(2).at("source") == "mount-1");
    REQUIRE(spec.remarks.size() == 1);  // the writable one
    CHECK(spec.remarks[0].find("/files/w") != std::string::npos);
}

TEST_CASE("a pod's shared memory is the guest's", "[shim]") {
    auto spec =
        made(R"(,"mounts":[{"destination":"/dev/shm","type":"bind","source":"/dirs/shm","options":["rbind"]}])");
    CHECK(document(spec).at("mounts").at(0).at("type") == "tmpfs");
    CHECK(spec.files.empty());
}

TEST_CASE("what cannot be given to the guest is refused by name", "[shim]") {
    auto bind = [](const std::string& source) {
        return spec_with(R"(,"mounts":[{"destination":"/v","type":"bind","source":")" + source + R"("}])");
    };
    check_refused(bind("/dirs/data"), errc::not_implemented, "/dirs/data");
    check_refused(bind("/big/file"), errc::not_implemented, "/big/file: there is no virtiofsd");
    check_refused(bind("/dev/sda"), errc::not_implemented, "/dev/sda");
    check_refused(bind("/gone"), errc::not_found, "/gone");
}

TEST_CASE("directories and big files are shared", "[shim]") {
    auto input = world();
    input.share_place = "mounts/1";
    input.share_name = "rootfs-3";
    auto spec = make_guest_spec(
        spec_with(R"(,"mounts":[{"destination":"/a","type":"bind","source":"/dirs/a","options":["rbind","ro"]},)"
                  R"({"destination":"/b","type":"bind","source":"/dirs/b","options":["bind","rw"]},)"
                  R"({"destination":"/c","type":"bind","source":"/big/c","options":["rbind"]},)"
                  R"({"destination":"/d","type":"bind","source":"/dirs/d","options":["rbind","rro"]}])"),
        input);
    REQUIRE(spec);
    auto deep = share_depth::with_submounts;
    CHECK(spec->shares == std::vector<shared_source>{
                              {"rootfs-3-0", "/dirs/a", share_access::read_only, deep},
                              {"rootfs-3-1", "/dirs/b", share_access::read_write, share_depth::one_mount},
                              {"rootfs-3-2", "/big/c", share_access::read_write, deep},
                              {"rootfs-3-3", "/dirs/d", share_access::read_only, deep},
                          });
    CHECK(spec->files.empty());
    auto mounts = document(*spec).at("mounts");
    CHECK(mounts.at(0).at("source") == "mounts/1/rootfs-3-0");
    CHECK(mounts.at(0).at("options").as_array().size() == 2);  // the guest makes it read-only as well
    CHECK(mounts.at(2).at("source") == "mounts/1/rootfs-3-2");
}

TEST_CASE("what is no spec is refused", "[shim]") {
    check_refused("{", errc::invalid_argument, "config.json");
    check_refused("[]", errc::invalid_argument, "not an object");
    check_refused("{}", errc::invalid_argument, "no root");
    CHECK(make_guest_spec(R"({"root":{},"linux":[],"mounts":{},"process":0})", world()));
}

// SPDX-License-Identifier: Apache-2.0
#include "runc/machine.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;
namespace json = boost::json;

namespace {

const std::string root = "/run/bundles/web/rootfs";

std::vector<std::string> destinations_of(const json::value& mounts) {
    std::vector<std::string> all;
    for (const auto& mount : mounts.as_array()) all.emplace_back(mount.at("destination").as_string());
    return all;
}

json::value own_dev() {
    return parsed(R"({"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]})");
}

}  // namespace

TEST_CASE("a container has a /dev of its own with what belongs into it", "[runc]") {
    auto dev = GENERATE(as<std::string>(), R"({"destination": "/dev/", "type": "bind", "source": "/dev"})",
                        R"({"destination": "/dev", "source": "/dev", "options": ["rbind"]})",
                        R"({"destination": "/dev", "type": "devtmpfs", "source": "x"})");
    auto text = R"({"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, )" + dev +
                R"(, {"destination": "/sys", "type": "sysfs", "source": "sysfs"}]})";
    auto outcome = fit(text, make_machine(), make_options(spec_policy::relax));
    const auto& mounts = outcome.spec["mounts"];
    CHECK(destinations_of(mounts) == std::vector<std::string>{"/proc", "/dev", "/dev/pts", "/dev/shm", "/sys"});
    CHECK(mounts.at(1) == own_dev());
    CHECK(mounts.at(2) == parsed(R"({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]})"));
    CHECK(mounts.at(3) == parsed(R"({"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]})"));
    CHECK(outcome.said == "/dev is the container's own");
    CHECK(fit(text).spec == parsed(text.insert(1, R"("linux": {}, )")).as_object());
}

TEST_CASE("the filesystems in /dev are those that the spec asks for", "[runc]") {
    auto text = R"({"linux": {}, "mounts": [
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
        {"destination": "/dev/pts/", "type": "devpts", "source": "devpts", "options": ["gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["size=512m"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"}]})";
    auto outcome = fit(text, make_machine(), make_options(spec_policy::relax));
    CHECK(outcome.spec == parsed(text).as_object());
}

TEST_CASE("without a /dev in the spec nothing is mounted there", "[runc]") {
    auto outcome = fit("{}", make_machine(), make_options(spec_policy::relax));
    CHECK(outcome.spec["mounts"] == json::array());
}

TEST_CASE("shared memory of a sandbox that is elsewhere is the container's own", "[runc]") {
    auto text = R"({"mounts": [{"destination": "/dev/shm", "type": "bind", "source": "/run/sandbox/shm"}]})";
    auto outcome = fit(text);
    CHECK(outcome.spec["mounts"].at(0).at("type") == "tmpfs");
    CHECK(outcome.said == "/dev/shm is the container's own: /run/sandbox/shm is not here");
    auto machine = make_machine();
    has_paths(machine, {{"/run/sandbox/shm", path_kind::present}});
    CHECK(fit(text, machine).spec["mounts"] == parsed(text).at("mounts"));
}

TEST_CASE("the VM's resolv.conf is bound unless there is one, or no place for it", "[runc]") {
    auto options = make_options(spec_policy::relax);
    options.resolv_conf = "/etc/resolv.conf";
    auto machine = make_machine();
    auto bound = parsed(R"([{"destination": "/etc/resolv.conf", "type": "bind", "source": "/etc/resolv.conf",
        "options": ["rbind", "ro"]}])");
    has_paths(machine, {{"/etc/resolv.conf", path_kind::present}});
    CHECK(fit("{}", machine, options).spec["mounts"] == bound);
    options.policy = spec_policy::keep;
    CHECK(fit("{}", machine, options).spec["mounts"] == json::array());
    options.policy = spec_policy::relax;
    machine.root_is_read_only = true;
    CHECK(fit("{}", machine, options).spec["mounts"] == json::array());
    has_paths(machine, {{"/etc/resolv.conf", path_kind::present}, {root + "/etc/resolv.conf", path_kind::present}});
    CHECK(fit("{}", machine, options).spec["mounts"] == bound);
    has_paths(machine, {{root + "/etc/resolv.conf", path_kind::present}});
    CHECK(fit("{}", machine, options).spec["mounts"] == json::array());
    has_paths(machine, {{"/run/bundles/web/own", path_kind::present}, {root + "/etc/resolv.conf", path_kind::present}});
    auto own = R"([{"destination": "/etc/resolv.conf", "type": "bind", "source": "own", "options": ["bind"]}])";
    auto kept = fit(R"({"mounts": )" + std::string(own) + "}", machine, options).spec["mounts"];
    CHECK(kept.as_array().size() == 1);
    CHECK(kept.at(0).at("source") == "/run/bundles/web/own");
}

TEST_CASE("name files that cannot be bound are left out", "[runc]") {
    auto [source, target, is_read_only, said] = GENERATE(table<std::string, path_kind, bool, std::string>(
        {{"/host/hosts", path_kind::present, false, "/etc/hosts left out: /host/hosts is not here"},
         {"/vm/hosts", path_kind::present, true, ""},
         {"/vm/hosts", path_kind::none, false, ""},
         {"/vm/hosts", path_kind::none, true, "/etc/hosts left out: the image has none and is read-only"},
         {"/vm/hosts", path_kind::dangling_link, true, "/etc/hosts left out: the image has none and is read-only"}}));
    auto machine = make_machine();
    machine.root_is_read_only = is_read_only;
    has_paths(machine, {{"/vm/hosts", path_kind::present}, {root + "/etc/hosts", target}});
    auto outcome = fit(R"({"mounts": [{"destination": "/etc/hosts", "type": "bind", "source": ")" + source + R"("},
        {"destination": "/data", "type": "bind", "source": "/host/data"}]})",
                       machine);
    CHECK(outcome.said == said);
    // A volume that is missing is for the runtime to refuse: a container must not write into nothing.
    CHECK(outcome.spec["mounts"].as_array().size() == (said.empty() ? 2 : 1));
}

TEST_CASE("a relative source of a bind lies in the bundle", "[runc]") {
    auto outcome = fit(R"({"mounts": [
        {"destination": "/etc/hosts", "type": "bind", "source": "hosts", "options": ["rbind", "ro"]},
        {"destination": "/etc/name", "source": "name", "options": ["ro", "bind"]},
        {"destination": "/a", "type": "bind", "source": "/absolute"},
        {"destination": "/b", "type": "bind", "source": "mounts/0/volume"},
        {"destination": "/b", "type": "bind", "source": "../../etc"},
        {"destination": "/c", "type": "bind", "source": ".."},
        {"destination": "/proc", "type": "proc", "source": "proc"}]})",
                       [] {
                           auto machine = make_machine();
                           has_paths(machine, {{"/run/bundles/web/hosts", path_kind::present}});
                           return machine;
                       }());
    std::vector<std::string> sources;
    for (const auto& mount : outcome.spec["mounts"].as_array()) sources.emplace_back(mount.at("source").as_string());
    CHECK(sources == std::vector<std::string>{"/run/bundles/web/hosts", "/run/bundles/web/name", "/absolute",
                                              "/run/bundles/web/mounts/0/volume", "/run/bundles/web/etc", "..",
                                              "proc"});
}

TEST_CASE("a container in the machine's cgroup namespace has the machine's cgroup filesystem", "[runc]") {
    auto type = GENERATE(as<std::string>(), "cgroup", "cgroup2");
    auto mounts = R"("mounts": [{"destination": "/sys/fs/cgroup", "type": ")" + type +
                  R"(", "source": "cgroup", "options": ["nosuid", "ro"]}])";
    auto shared = "{" + mounts + "}";
    auto machine = make_machine();
    CHECK(fit(shared, machine).spec["mounts"] == parsed(shared).at("mounts"));
    has_paths(machine, {{"/sys/fs/cgroup/cgroup.controllers", path_kind::present}});
    auto outcome = fit(shared, machine);
    CHECK(outcome.spec["mounts"] == parsed(R"([{"destination": "/sys/fs/cgroup", "type": "bind",
        "source": "/sys/fs/cgroup", "options": ["bind", "nosuid", "ro"]}])"));
    CHECK(outcome.said.empty());
    auto own = R"({"linux": {"namespaces": [{"type": "cgroup"}]}, )" + mounts + "}";
    CHECK(fit(own, machine).spec["mounts"] == parsed(own).at("mounts"));
}

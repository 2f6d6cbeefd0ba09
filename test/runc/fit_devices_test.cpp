// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "runc/machine.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;
namespace json = boost::json;

namespace {

const std::string administrator = R"("process": {"capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}})";
const std::string ordinary = R"("process": {"capabilities": {"bounding": ["CAP_CHOWN"]}})";
const std::string own_dev = R"("mounts": [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}])";

std::vector<std::string> paths_of(const json::value& devices) {
    std::vector<std::string> paths;
    for (const auto& device : devices.as_array()) paths.emplace_back(device.at("path").as_string());
    return paths;
}

}  // namespace

TEST_CASE("a privileged container gets all of the VM's devices in a /dev of its own", "[runc]") {
    auto text = "{" + administrator + "," + own_dev + R"(, "linux": {"seccomp": {"defaultAction": "x"}, "devices":
        [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438}],
        "resources": {"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 5}}}})";
    auto outcome = fit(text, make_machine(), make_options(spec_policy::relax));
    const auto& linux = outcome.spec["linux"];
    CHECK_FALSE(linux.as_object().contains("seccomp"));
    CHECK(linux.at("resources") == parsed(R"({"devices": [{"allow": true, "access": "rwm"}], "pids": {"limit": 5}})"));
    CHECK(paths_of(linux.at("devices")) ==
          std::vector<std::string>{"/dev/fuse", "/dev/kmsg", "/dev/ttyS0", "/dev/vda"});
    CHECK(linux.at("devices").at(0).at("fileMode") == 438);
    CHECK(linux.at("devices").at(3) == parsed(R"({"path": "/dev/vda", "type": "b", "major": 254, "minor": 0,
        "fileMode": 432, "uid": 0, "gid": 0})"));
    CHECK(outcome.said == "seccomp left out: the container is privileged");
    auto kept = fit(text, make_machine(), make_options(spec_policy::keep));
    CHECK(kept.spec == parsed(text).as_object());
}

TEST_CASE("a privileged spec of another version, without linux and mounts, is opened", "[runc]") {
    // As many members as the object has room for: what is added or changed must not move the others unseen.
    std::string text = R"("ociVersion": "1.3.0", )" + administrator;
    for (int more = 0; more < 8; ++more) {
        text += ", \"x" + std::to_string(more) + "\": 1";
        auto outcome = fit("{" + text + "}", make_machine(), make_options(spec_policy::relax));
        CHECK(outcome.spec["linux"] == parsed(R"({"resources": {"devices": [{"allow": true, "access": "rwm"}]}})"));
        CHECK(outcome.spec["ociVersion"] == "1.1.0");
    }
}

TEST_CASE("a container that its own spec confines stays confined", "[runc]") {
    auto [process, linux] =
        GENERATE(table<std::string, std::string>({{ordinary, ""},
                                                  {R"("process": {})", ""},
                                                  {administrator, R"("maskedPaths": ["/proc/kcore"],)"},
                                                  {administrator, R"("readonlyPaths": ["/proc/sys"],)"},
                                                  {administrator, R"("namespaces": [{"type": "user"}],)"}}));
    auto text = "{" + process + R"(, "linux": {)" + linux + R"("seccomp": {"defaultAction": "x"},
        "resources": {"devices": [{"allow": false, "access": "rwm"}]}}})";
    auto outcome = fit(text, make_machine(), make_options(spec_policy::relax));
    CHECK(outcome.spec["linux"] == parsed(text).at("linux"));
}

TEST_CASE("limits can be dropped, the rules for devices not", "[runc]") {
    auto options = make_options(spec_policy::relax);
    options.limits = resource_limits::drop;
    auto outcome = fit(R"({"linux": {"resources": {"pids": {"limit": 5}, "devices": [{"allow": false}]}}})",
                       make_machine(), options);
    CHECK(outcome.spec["linux"].at("resources") == parsed(R"({"devices": [{"allow": false}]})"));
    CHECK(fit(R"({"linux": {"resources": {"pids": {}}}})", make_machine(), options).spec["linux"].at("resources") ==
          json::object());
}

TEST_CASE("devices by numbers of another machine are left out", "[runc]") {
    auto outcome = fit(R"({"linux": {"devices": [
            {"path": "/dev/nvme0n1", "type": "b", "major": 259, "minor": 0},
            {"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0},
            {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200},
            {"path": "/dev/data", "type": "b", "major": 254, "minor": 0},
            {"path": "/dev/null", "type": "c", "major": 1, "minor": 3},
            {"path": "/dev/fifo", "type": "p"}],
        "resources": {"devices": [
            {"allow": false, "access": "rwm"},
            {"allow": true, "type": "b", "major": 259, "minor": 0, "access": "r"},
            {"allow": false, "type": "b", "major": 259, "minor": 0, "access": "w"},
            {"allow": true, "type": "b", "major": 259, "access": "m"},
            {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rwm"},
            {"allow": true, "type": "c", "major": 136, "minor": 7, "access": "rwm"}]}}})");
    const auto& linux = outcome.spec["linux"];
    CHECK(paths_of(linux.at("devices")) == std::vector<std::string>{"/dev/data", "/dev/null", "/dev/fifo"});
    CHECK(linux.at("resources").at("devices").as_array().size() == 5);
    CHECK(outcome.said ==
          "device /dev/nvme0n1 left out: no b 259:0; device /dev/nvidia0 left out: no c 195:0; "
          "device /dev/net/tun left out: no c 10:200; rule for device b 259:0 left out: there is none");
}

TEST_CASE("the machine's /dev is read with its directories, without links and other filesystems", "[runc]") {
    auto facts = read_machine_facts();
    auto null = std::find_if(facts.devices.begin(), facts.devices.end(),
                             [](const device_node& node) { return node.path == "/dev/null"; });
    REQUIRE(null != facts.devices.end());
    CHECK(null->type == 'c');
    CHECK(null->major == 1);
    CHECK(null->minor == 3);
    CHECK((null->mode & 0666) == 0666);
    for (const auto& node : facts.devices) CHECK_FALSE(node.path.starts_with("/dev/pts/"));
    CHECK(facts.look("/dev/null") == path_kind::present);
    CHECK(facts.look("/nonexistent") == path_kind::none);
    CHECK(facts.process.most_open_files <= std::uint64_t{1} << 31);
}

TEST_CASE("screens and BSD's pseudo terminals are nodes that no container wants", "[runc]") {
    for (const char* name : {"tty1", "tty63", "vcs", "vcsa2", "ptyp0", "ptyz9", "ttya0", "ttyef"}) {
        INFO(name);
        CHECK_FALSE(is_wanted_node(name));
    }
    for (const char* name : {"tty", "ttyS0", "ttyS10", "ttyUSB0", "ttyAMA0", "ptmx", "pts", "null", "vda", "v", "vc",
                             "pty1", "ttyg0", "ttyag", "ttya", "ttya00"}) {
        INFO(name);
        CHECK(is_wanted_node(name));
    }
    auto facts = read_machine_facts();
    auto is_screen = [](const device_node& node) {
        return node.path.starts_with("/dev/vcs") || node.path == "/dev/tty1";
    };
    CHECK(std::none_of(facts.devices.begin(), facts.devices.end(), is_screen));
}

TEST_CASE("the nodes of a machine are looked for once, and when they are asked for", "[runc]") {
    int looked = 0;
    machine_facts facts;
    facts.devices = device_nodes([&] {
        ++looked;
        return std::vector<device_node>{{"/dev/net/tun", 'c', 10, 200, 0666, 0, 0}};
    });
    auto fit = [&](const char* spec) { REQUIRE(fit_spec(spec, facts, {})); };
    fit(R"({"ociVersion": "1.0.2", "linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}]}}})");
    CHECK(looked == 0);
    fit(R"({"ociVersion": "1.0.2", "linux": {"devices": [{"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200}]}})");
    CHECK(looked == 1);
    CHECK_FALSE(facts.devices.empty());
    CHECK(looked == 1);
}

TEST_CASE("what a machine has is read from its files", "[runc]") {
    temporary_directory directory;
    auto write = [&](const std::string& path, const std::string& text) {
        REQUIRE(make_directories(directory.path(path.substr(0, path.rfind('/'))), 0755));
        REQUIRE(replace_file(directory.path(path), text, 0644));
    };
    auto bare = read_machine_facts(directory.path());
    CHECK(bare.cpus == "0");
    CHECK(bare.memory_nodes == "0");
    CHECK(bare.controllers.empty());
    CHECK_FALSE(bare.has_swap_limits);
    CHECK_FALSE(bare.has_io_weights);
    CHECK(bare.devices.empty());
    write("proc/sys/fs/nr_open", "5000\n");
    write("proc/swaps", "");
    write("sys/devices/system/cpu/possible", "0-7\n");
    write("sys/devices/system/node/has_memory", "0,2\n");
    write("sys/fs/cgroup/cgroup.controllers", "cpu io\n");
    write("sys/fs/cgroup/io.cost.qos", "");
    write("sys/fs/selinux/enforce", "0");
    write("sys/kernel/mm/hugepages/hugepages-2048kB/x", "");
    write("sys/kernel/mm/hugepages/hugepages-1048576kB/x", "");
    write("sys/kernel/mm/hugepages/hugepages-64kB/x", "");
    write("sys/kernel/security/apparmor/profiles", "web (enforce)\na b (complain)\n");
    write("sys/fs/resctrl/schemata", "");
    auto facts = read_machine_facts(directory.path());
    CHECK(facts.process.most_open_files == 5000);
    CHECK(facts.process.has_selinux);
    CHECK(facts.process.apparmor_profiles == std::vector<std::string>{"web", "a b"});
    CHECK(facts.cpus == "0-7");
    CHECK(facts.memory_nodes == "0,2");
    CHECK(facts.controllers == std::vector<std::string>{"cpu", "io"});
    CHECK(facts.huge_pages == std::vector<std::string>{"1GB", "2MB", "64KB"});
    CHECK(facts.has_swap_limits);
    CHECK(facts.has_io_weights);
    CHECK(facts.has_cache_allocation);
}

TEST_CASE("a kernel that does not account swap shows it in its cgroups", "[runc]") {
    temporary_directory directory;
    auto write = [&](const std::string& path) {
        REQUIRE(make_directories(directory.path(path.substr(0, path.rfind('/'))), 0755));
        REQUIRE(replace_file(directory.path(path), "max\n", 0644));
    };
    write("proc/swaps");
    write("sys/fs/cgroup/cgroup.procs");
    write("sys/fs/cgroup/agent/cgroup.procs");
    CHECK(read_machine_facts(directory.path()).has_swap_limits);
    write("sys/fs/cgroup/web/memory.max");
    CHECK_FALSE(read_machine_facts(directory.path()).has_swap_limits);
    write("sys/fs/cgroup/web/memory.swap.max");
    CHECK(read_machine_facts(directory.path()).has_swap_limits);
}

TEST_CASE("a null device that was removed is made again", "[.][runc][device_nodes]") {
    temporary_directory directory;
    REQUIRE(make_directories(directory.path("dev"), 0755));
    CHECK(restore_null_device(directory.path()));
    CHECK_FALSE(restore_null_device(directory.path()));
    struct stat status{};
    REQUIRE(::stat(directory.path("dev/null").c_str(), &status) == 0);
    CHECK(status.st_mode == (S_IFCHR | 0666));
}

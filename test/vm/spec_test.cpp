// SPDX-License-Identifier: Apache-2.0
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <sstream>

#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"
#include "guest.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;
namespace json = boost::json;

// OCI specs of other machines, and containers that must not harm each other (docs/security.md).

namespace {

json::object& linux_of(json::object& spec) { return spec["linux"].as_object(); }

void set_resource(json::object& spec, const char* name, const char* value) {
    linux_of(spec)["resources"].as_object()[name] = json::parse(value);
}

json::value& mount_on(json::object& spec, std::string_view destination) {
    for (auto& mount : spec["mounts"].as_array()) {
        if (std::string_view(mount.at("destination").as_string()) == destination) return mount;
    }
    FAIL("no mount on " << destination);
    throw std::logic_error("unreachable");
}

void add_mount(json::object& spec, const char* mount) { spec["mounts"].as_array().push_back(json::parse(mount)); }

// What containerd makes by default: Docker's 14 capabilities, masked and read-only paths, few devices.
void confine(json::object& spec) {
    auto names = json::parse(R"(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
        "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
        "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"])");
    auto& process = spec["process"].as_object();
    process["capabilities"] = json::object{{"bounding", names}, {"effective", names}, {"permitted", names}};
    process["noNewPrivileges"] = true;
    auto& linux = linux_of(spec);
    linux["maskedPaths"] = json::parse(R"(["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"])");
    linux["readonlyPaths"] =
        json::parse(R"(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])");
    mount_on(spec, "/sys").at("options") = json::parse(R"(["nosuid", "noexec", "nodev", "ro"])");
    mount_on(spec, "/sys/fs/cgroup").at("options") = json::parse(R"(["nosuid", "noexec", "nodev", "relatime", "ro"])");
    set_resource(spec, "devices", R"([{"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
        {"allow": true, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
        {"allow": true, "type": "c", "major": 5, "minor": 0, "access": "rwm"},
        {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rwm"}])");
}

finished run_edited(guest& vm, const char* script, std::function<void(json::object&)> edit) {
    container_wish wish(script);
    wish.edit = std::move(edit);
    return vm.run_container(std::move(wish));
}

/// Waits until the VM has logged such a change of this container's specs.
void await_changes_told(const std::string& id, const std::string& change) {
    auto is_told = [&](const std::string& line) {
        return line.find(R"("msg":"spec made to fit","id":")" + id) != std::string::npos &&
               line.find(change) != std::string::npos;
    };
    for (;;) {
        std::istringstream console(virtual_machine::shared_console());
        for (std::string line; std::getline(console, line);) {
            if (is_told(line)) return;
        }
    }
}

std::string terminal_output(guest& vm, container_wish wish) {
    wish.id = guest::fresh_id();
    wish.has_terminal = true;
    named_stream out(vm);
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(wish.id));
    auto text = vm.run(read_to_end(out.socket));
    CHECK(vm.wait(wish.id)->exit_status() == 0);
    REQUIRE(vm.remove(wish.id));
    return text;
}

}  // namespace

TEST_CASE("a container that removes devices harms nobody", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    CHECK(vm.run_container(container_wish("rm -f /dev/null /dev/vda /dev/kmsg && ! test -e /dev/null")).status == 0);
    auto next =
        vm.run_container(container_wish("echo x >/dev/null && test -c /dev/null -a -b /dev/vda && rm /dev/zero"));
    CHECK(next.status == 0);
    CHECK(vm.look_inside("test -c /proc/1/root/dev/null && test -b /proc/1/root/dev/vda && echo there") == "there\n");
}

TEST_CASE("a privileged container that removes the VM's own /dev/null stops nobody", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto sleeper = vm.run_sleeper();
    auto rude = vm.run_container(container_wish("mkdir /d && mount -t devtmpfs d /d && rm /d/null && umount /d"));
    CAPTURE(rude.err);
    CHECK(rude.status == 0);
    CHECK(vm.run_exec(sleeper, exec_wish("echo x >/dev/null")).status == 0);
    vm.kill_and_remove(sleeper);
    CHECK(vm.run_container(container_wish("echo x >/dev/null")).status == 0);
    CHECK(vm.look_inside("stat -c %t:%T:%a /proc/1/root/dev/null") == "1:3:666\n");
}

TEST_CASE("a container's /dev has the VM's nodes and what belongs there", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto outcome = vm.run_container(container_wish(R"sh(
        for n in null zero full random urandom tty fuse kmsg ttyS0; do test -c /dev/$n || echo no $n; done
        test -b /dev/vda && head -c 512 /dev/vda | wc -c
        for l in fd stdin stdout stderr; do readlink /dev/$l; done
        test -c /dev/ptmx && exec 3<>/dev/ptmx && ls /dev/pts | grep -c 0
        awk '$2 ~ "^/dev" { print $2, $3 }' /proc/self/mounts
        test -e /dev/console || echo no console)sh"));
    CHECK(outcome.err == "");
    CHECK(outcome.out ==
          "512\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n1\n"
          "/dev tmpfs\n/dev/pts devpts\n/dev/shm tmpfs\n/dev/mqueue mqueue\nno console\n");
    CHECK(terminal_output(vm, container_wish("test -c /dev/console && echo hello >/dev/console")) == "hello\r\n");
}

TEST_CASE("/dev/shm has the size asked for and is the container's own", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto big = run_edited(
        vm,
        "dd if=/dev/zero of=/dev/shm/x bs=1M count=70 2>/dev/null; df -k /dev/shm | tail -1 | awk '{ print $2, $3 }'",
        [](json::object& spec) {
            mount_on(spec, "/dev/shm").at("options") =
                json::parse(R"(["nosuid", "noexec", "nodev", "mode=1777", "size=512m"])");
        });
    CHECK(big.out == "524288 71680\n");
    container_wish first("touch /dev/shm/mine /dev/mine; exec sleep 1000");
    first.id = guest::fresh_id();
    REQUIRE(vm.create(first));
    REQUIRE(vm.start(first.id));
    CHECK(vm.run_container(container_wish("ls /dev/shm; ls /dev | grep mine")).out == "");
    vm.kill_and_remove(first.id);
}

TEST_CASE("a user other than root writes to /dev/stdout and /dev/stderr", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto as_user = [](json::object& spec) {
        spec["process"].as_object()["user"] = json::object{{"uid", 1000}, {"gid", 1000}};
    };
    auto outcome = run_edited(vm, "echo a >/dev/stdout; echo b >/dev/stderr", as_user);
    CHECK(outcome.out == "a\n");
    CHECK(outcome.err == "b\n");
    container_wish wish("echo a >/dev/stdout; echo b >/dev/stderr");
    wish.edit = as_user;
    CHECK(terminal_output(vm, wish) == "a\r\nb\r\n");
}

TEST_CASE("a spec of another machine runs", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    using edit = std::function<void(json::object&)>;
    auto [what, change] = GENERATE(table<std::string, edit>(
        {{"version", [](auto& spec) { spec["ociVersion"] = "1.3.0"; }},
         {"systemd path", [](auto& spec) { linux_of(spec)["cgroupsPath"] = "system.slice:cri-containerd:x"; }},
         {"labels",
          [](auto& spec) {
              spec["process"].as_object()["apparmorProfile"] = "cri-containerd.apparmor.d";
              spec["process"].as_object()["selinuxLabel"] = "system_u:system_r:container_t:s0";
              linux_of(spec)["mountLabel"] = "system_u:object_r:container_file_t:s0";
          }},
         {"processors", [](auto& spec) { set_resource(spec, "cpu", R"({"cpus": "8-11", "mems": "1"})"); }},
         {"disks",
          [](auto& spec) {
              set_resource(spec, "blockIO", R"({"weight": 500,
                  "throttleReadBpsDevice": [{"major": 259, "minor": 0, "rate": 1000000}]})");
              linux_of(spec)["devices"] =
                  json::parse(R"([{"path": "/dev/nvme0n1", "type": "b", "major": 259, "minor": 0}])");
          }},
         {"limits",
          [](auto& spec) {
              spec["process"].as_object()["rlimits"] =
                  json::parse(R"([{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1073741816}])");
              spec["process"].as_object()["oomScoreAdj"] = 5000;
          }},
         {"old memory settings",
          [](auto& spec) {
              set_resource(spec, "memory",
                           R"({"limit": 67108864, "swap": 67108864, "swappiness": 60, "kernel": 67108864})");
          }},
         {"huge pages",
          [](auto& spec) { set_resource(spec, "hugepageLimits", R"([{"pageSize": "64KB", "limit": 65536}])"); }},
         {"network parameters",
          [](auto& spec) {
              linux_of(spec)["sysctl"] = json::parse(R"({"net.ipv4.ip_unprivileged_port_start": "0",
                  "net.ipv4.ping_group_range": "0 2147483647"})");
          }},
         {"network namespace",
          [](auto& spec) {
              linux_of(spec)["namespaces"].as_array().push_back(
                  json::parse(R"({"type": "network", "path": "/var/run/netns/cni-7"})"));
          }},
         {"hooks",
          [](auto& spec) { spec["hooks"] = json::parse(R"({"prestart": [{"path": "/usr/bin/nvidia-hook"}]})"); }},
         {"name files",
          [](auto& spec) {
              add_mount(spec, R"({"destination": "/etc/hostname", "type": "bind", "source": "/var/lib/host/hostname",
                  "options": ["rbind", "ro"]})");
          }},
         {"a sandbox's shared memory", [](auto& spec) {
              mount_on(spec, "/dev/shm") = json::parse(R"({"destination": "/dev/shm", "type": "bind",
                  "source": "/run/containerd/sandbox/shm", "options": ["rbind", "ro"]})");
          }}}));
    CAPTURE(what);
    auto outcome = run_edited(vm, "echo runs", change);
    CHECK(outcome.err == "");
    CHECK(outcome.out == "runs\n");
}

TEST_CASE("network parameters of a spec hold for the VM", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto outcome = run_edited(vm, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start", [](json::object& spec) {
        linux_of(spec)["sysctl"] = json::object{{"net.ipv4.ip_unprivileged_port_start", "80"}};
    });
    CHECK(outcome.out == "80\n");
}

TEST_CASE("the cgroup is plain where the host has systemd", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("exec sleep 1000");
    wish.id = guest::fresh_id();
    wish.edit = [id = wish.id](json::object& spec) {
        linux_of(spec)["cgroupsPath"] = json::value("system.slice:cri-containerd:" + id);
    };
    auto request = vm.prepare(wish);
    REQUIRE(request);
    containerd::runc::v1::Options options;
    options.set_systemd_cgroup(true);
    request->mutable_options()->set_type_url("containerd.runc.v1.Options");
    request->mutable_options()->set_value(options.SerializeAsString());
    auto created = vm.run(vm.tasks().Create(*request, guest::limit));
    REQUIRE(created);
    CHECK(
        vm.look_inside("cat /proc/" + std::to_string(created->pid()) + "/cgroup").find("/cri-containerd-" + wish.id) !=
        std::string::npos);
    REQUIRE(vm.start(wish.id));
    vm.kill_and_remove(wish.id);
    CHECK(vm.look_inside(
              "ls -d /proc/1/root/sys/fs/cgroup/*slice* /proc/1/root/sys/fs/cgroup/cri-* 2>/dev/null; true") == "");
}

TEST_CASE("an exec and an update of another machine fit too", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto id = vm.run_sleeper();
    exec_wish wish("echo runs");
    wish.edit = [](json::object& process) {
        process["apparmorProfile"] = "docker-default";
        process["selinuxLabel"] = "system_u:system_r:container_t:s0";
        process["rlimits"] = json::parse(R"([{"type": "RLIMIT_NOFILE", "hard": 1073741816, "soft": 1073741816}])");
    };
    auto outcome = vm.run_exec(id, wish);
    CHECK(outcome.err == "");
    CHECK(outcome.out == "runs\n");
    task::UpdateTaskRequest update;
    update.set_id(id);
    update.mutable_resources()->set_value(R"({"cpu": {"cpus": "8-11", "mems": "1"}, "pids": {"limit": 77},
        "blockIO": {"throttleReadBpsDevice": [{"major": 259, "minor": 0, "rate": 1000000}]}})");
    auto updated = vm.run(vm.tasks().Update(update, guest::limit));
    REQUIRE(updated);
    CHECK(vm.run_exec(id, exec_wish("cat /sys/fs/cgroup/default/*/pids.max | grep -c 77")).out == "1\n");
    // What was changed is told, one line each.
    for (const char* change : {"apparmorProfile", "throttleReadBpsDevice"}) await_changes_told(id, change);
    vm.kill_and_remove(id);
}

TEST_CASE("a container that is confined by its spec does nothing to the VM", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    auto outcome = run_edited(vm, R"sh(
        echo '|/bin/x' 2>/dev/null >/proc/sys/kernel/core_pattern && echo core_pattern
        echo b 2>/dev/null >/proc/sysrq-trigger && echo sysrq
        test -e /dev/vda && echo vda
        mknod /tmp/disk b 254 0 2>/dev/null && dd if=/tmp/disk of=/dev/null count=1 2>/dev/null && echo disk
        mknod /tmp/mem c 1 1 2>/dev/null && dd if=/tmp/mem of=/dev/null bs=1 count=1 2>/dev/null && echo mem
        test -s /proc/kcore && head -c 1 /proc/kcore >/dev/null 2>&1 && echo kcore
        mkdir /m; mount -t devtmpfs d /m 2>/dev/null && echo mount
        (echo 1 >/sys/fs/cgroup/cgroup.procs) 2>/dev/null && echo cgroup
        echo done >/dev/null; echo done)sh",
                              confine);
    CHECK(outcome.out == "done\n");
    CHECK(vm.look_inside("cat /proc/sys/kernel/core_pattern").find("/bin/x") == std::string::npos);
}

TEST_CASE("a container does not get out by its working directory or a mount on /proc", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("exit 0");
    wish.id = guest::fresh_id();
    SECTION("a descriptor as working directory") {
        wish.edit = [](json::object& spec) { spec["process"].as_object()["cwd"] = "/proc/self/fd/7"; };
    }
    SECTION("a directory on /proc") {
        wish.edit = [](json::object& spec) {
            add_mount(spec, R"({"destination": "/proc", "type": "bind", "source": "/tmp", "options": ["rbind"]})");
        };
    }
    auto refused = vm.create(wish);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::invalid_argument);
    auto id = vm.run_sleeper();
    exec_wish exec("exit 0");
    exec.edit = [](json::object& process) { process["cwd"] = "/proc/self/fd/8"; };
    CHECK(vm.exec(id, "e", exec).error().kind() == errc::invalid_argument);
    vm.kill_and_remove(id);
}

TEST_CASE("name files that an image lacks do not stop it", "[vm][spec]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("test -e /etc/hostname || echo none");
    system::mount_entry image;
    image.type = "erofs";
    image.source = "serial:root";
    image.options = {"ro"};
    wish.rootfs = {image};
    wish.edit = [](json::object& spec) {
        add_mount(
            spec,
            R"({"destination": "/etc/hostname", "type": "bind", "source": "/etc/hosts", "options": ["rbind", "ro"]})");
    };
    CHECK(vm.run_container(wish).out == "none\n");
}

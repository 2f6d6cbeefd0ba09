// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/boot_steps.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/mount.hpp"
#include "vminit/system/mount_table.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

using names = std::vector<std::string>;

struct steps_fixture {
    ~steps_fixture() { syscalls::set_fault_hook(nullptr); }

    std::string put(const std::string& name, const std::string& text) {
        std::ofstream(directory.path(name)) << text;
        return directory.path(name);
    }
    std::string text(const std::string& name) { return read_file(directory.path(name)).value(); }
    unsigned mode(const std::string& name) {
        struct stat status{};
        REQUIRE(::lstat(directory.path(name).c_str(), &status) == 0);
        return status.st_mode & 07777;
    }

    test::temporary_directory directory{"/dev/shm"};
    step_notes notes;
};

const boot_mount& mount_at(const std::string& target) {
    const auto& mounts = boot_mounts();
    auto found =
        std::find_if(mounts.begin(), mounts.end(), [&](const auto& one) { return one.entry.target == target; });
    REQUIRE(found != mounts.end());
    return *found;
}

}  // namespace

TEST_CASE("the boot mounts what hosts expect, in an order that works", "[boot]") {
    names order;
    for (const auto& mount : boot_mounts()) order.push_back(mount.entry.target);
    CHECK(order == names{"/proc", "/sys", "/sys/fs/cgroup", "/run", "/tmp", "/dev", "/run/spin-stack", "/var/log",
                         "/var/lib/spin-stack", "/dev/pts", "/dev/shm"});
    CHECK(mount_at("/proc").entry == mount_entry("proc", "proc", "/proc", {"nosuid", "noexec", "nodev"}));
    CHECK(mount_at("/sys/fs/cgroup").entry == mount_entry("cgroup2", "none", "/sys/fs/cgroup",
                      {"nosuid", "nodev", "noexec", "nsdelegate", "memory_recursiveprot"}));
    CHECK(mount_at("/dev").entry == mount_entry("devtmpfs", "devtmpfs", "/dev", {"nosuid", "noexec"}));
    CHECK(mount_at("/var/lib/spin-stack").entry ==
          mount_entry("tmpfs", "tmpfs", "/var/lib/spin-stack", {"nosuid", "nodev", "size=32m", "mode=0755"}));
    CHECK(mount_at("/dev/pts").entry.options == names{"nosuid", "noexec", "gid=5", "mode=0620", "ptmxmode=0666"});
    CHECK(mount_at("/dev/shm").entry ==
          mount_entry("tmpfs", "shm", "/dev/shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}));
    // The agent may be an ordinary user, and the runtime keeps its state in /run.
    CHECK(mount_at("/run").entry ==
          mount_entry("tmpfs", "tmpfs", "/run", {"nosuid", "noexec", "nodev", "mode=0755"}));
    // Programs run from here, although /run is noexec.
    const auto& exec = mount_at("/run/spin-stack").entry.options;
    CHECK(std::find(exec.begin(), exec.end(), "noexec") == exec.end());
}

TEST_CASE("only the filesystems are worth dying for", "[boot]") {
    for (const auto& step : vm_boot_plan()) {
        CAPTURE(step.name);
        CHECK((step.policy == step_policy::fatal) == (step.name == "mount-filesystems"));
    }
    for (const auto& plan : {vm_entry_plan(), vm_late_plan()}) {
        for (const auto& step : plan) CHECK(step.policy == step_policy::warn);
    }
}

TEST_CASE("each step of the boot needs only steps before it", "[boot]") {
    std::vector<std::string> before;
    for (const auto& step : vm_boot_plan()) {
        CAPTURE(step.name);
        for (const auto& need : step.needs) CHECK(std::find(before.begin(), before.end(), need) != before.end());
        before.push_back(step.name);
    }
}

TEST_CASE_METHOD(steps_fixture, "each controller that the kernel offers is enabled by itself", "[boot]") {
    put("cgroup.controllers", "cpuset cpu memory hugetlb pids misc\n");
    put("cgroup.subtree_control", "");
    REQUIRE(steps::enable_controllers(directory.path(), notes));
    CHECK(notes.texts().empty());
    // In a plain file the writes lie on top of each other: the last one, `+pids`, over `+memory`.
    CHECK(text("cgroup.subtree_control") == "+pidsry");

    syscalls::set_fault_hook([](std::string_view name) { return name == "write" ? EBUSY : 0; });
    REQUIRE(steps::enable_controllers(directory.path(), notes));
    auto file = directory.path("cgroup.subtree_control");
    names expected;
    for (const char* name : {"cpu", "cpuset", "memory", "pids"}) {
        expected.push_back(std::string("enable ") + name + ": write " + file + ": Device or resource busy");
    }
    CHECK(notes.texts() == expected);
}

TEST_CASE_METHOD(steps_fixture, "a kernel without cgroup v2 is a failed step", "[boot]") {
    CHECK_FALSE(steps::enable_controllers(directory.path("none"), notes));
}

TEST_CASE_METHOD(steps_fixture, "the features and /etc are there after boot", "[boot]") {
    REQUIRE(steps::write_files(directory.path(), notes));
    CHECK(notes.texts().empty());
    CHECK(text("run/vminitd/features.json") ==
          "{\"containerd.io/runtime-allow-mounts\":\"mkdir/*,format/*,erofs,ext4\","
          "\"containerd.io/runtime-type\":\"vm\",\"containerd.io/vm-type\":\"microvm\"}");
    CHECK(mode("run/vminitd") == 0750);
    CHECK(mode("run/vminitd/features.json") == 0600);
    CHECK(mode("etc") == 0755);
}

TEST_CASE_METHOD(steps_fixture, "a resolv.conf that is there stays where no server is known", "[boot]") {
    fs::create_directory(directory.path("etc"));
    put("etc/resolv.conf", "nameserver 1.1.1.1\n");
    REQUIRE(steps::write_name_files(parsed_network(), directory.path(), notes));
    CHECK(text("etc/resolv.conf") == "nameserver 1.1.1.1\n");
    CHECK(steps::container_resolv_conf(directory.path()) == directory.path("etc/resolv.conf"));
}

TEST_CASE_METHOD(steps_fixture, "what cannot be written is noted, only a missing /etc fails the step", "[boot]") {
    syscalls::set_fault_hook([](std::string_view name) { return name == "rename" ? ENOSPC : 0; });
    REQUIRE(steps::write_files(directory.path(), notes));
    REQUIRE(steps::write_name_files(parsed_network(), directory.path(), notes));
    CHECK(notes.texts().size() == 3);
    syscalls::set_fault_hook([](std::string_view name) { return name == "mkdir" ? ENOSPC : 0; });
    CHECK_FALSE(steps::write_files(directory.path("other"), notes));
}

TEST_CASE_METHOD(steps_fixture, "links and nodes of /dev are made if missing", "[boot]") {
    fs::create_symlink("/elsewhere", directory.path("stdin"));
    syscalls::set_fault_hook([](std::string_view name) { return name == "mknod" ? EPERM : 0; });
    REQUIRE(steps::make_dev_nodes(directory.path(), notes));
    CHECK(notes.texts() == names{"mknod " + directory.path("fuse") + ": Operation not permitted"});
    CHECK(fs::read_symlink(directory.path("fd")) == "/proc/self/fd");
    CHECK(fs::read_symlink(directory.path("stdout")) == "/proc/self/fd/1");
    CHECK(fs::read_symlink(directory.path("stderr")) == "/proc/self/fd/2");
    CHECK(fs::read_symlink(directory.path("ptmx")) == "/dev/pts/ptmx");
    CHECK(fs::read_symlink(directory.path("stdin")) == "/elsewhere");
}

TEST_CASE_METHOD(steps_fixture, "a mount that fails ends the step if it is fatal, and is noted if not", "[boot]") {
    static int mounts;
    mounts = 0;
    syscalls::set_fault_hook([](std::string_view name) {
        if (name == "mount") ++mounts;
        return name == "mount" ? EACCES : 0;
    });
    std::vector<boot_mount> table{{mount_entry("tmpfs", "tmpfs", directory.path("a"), {}), step_policy::warn},
                                  {mount_entry("tmpfs", "tmpfs", directory.path("b"), {}), step_policy::fatal},
                                  {mount_entry("tmpfs", "tmpfs", directory.path("c"), {}), step_policy::fatal}};
    auto mounted = steps::mount_all(table, notes);
    REQUIRE_FALSE(mounted);
    CHECK(mounted.error().message() == "mount " + directory.path("b") + ": Permission denied");
    CHECK(notes.texts() ==
          names{"mount make / private: Permission denied", "mount " + directory.path("a") + ": Permission denied"});
    CHECK(mounts == 3);
    CHECK(fs::is_directory(directory.path("b")));
    CHECK_FALSE(fs::exists(directory.path("c")));
}

TEST_CASE_METHOD(steps_fixture, "already mounted is success", "[boot]") {
    syscalls::set_fault_hook([](std::string_view name) { return name == "mount" ? EBUSY : 0; });
    std::vector<boot_mount> table{{mount_entry("devtmpfs", "devtmpfs", directory.path("dev"), {}), step_policy::fatal}};
    CHECK(steps::mount_all(table, notes));
}

TEST_CASE_METHOD(steps_fixture, "options that the kernel is too old for are left out, the last one first", "[boot]") {
    static int mounts;
    static int accepted_at;
    static int refusal;
    auto try_mount = [&](int at, int code) {
        mounts = 0;
        accepted_at = at;
        refusal = code;
        syscalls::set_fault_hook([](std::string_view name) {
            if (name != "mount") return 0;
            // The first is the propagation of /. EBUSY ends the attempts as success.
            return ++mounts > accepted_at ? EBUSY : refusal;
        });
        boot_mount mount{mount_entry("tmpfs", "tmpfs", directory.path("cgroup"), {"nosuid", "a", "b"})};
        mount.optional_options = 2;
        return steps::mount_all({mount}, notes).has_value();
    };
    CHECK(try_mount(3, EINVAL));
    CHECK(mounts == 4);  // / and three attempts: all, without b, without a
    CHECK_FALSE(try_mount(9, EINVAL));
    CHECK(mounts == 4);
    CHECK_FALSE(try_mount(9, EPERM));
    CHECK(mounts == 2);
}

TEST_CASE_METHOD(steps_fixture, "a mount gets the options that the kernel knows", "[.][privileged]") {
    boot_mount mount{mount_entry("tmpfs", "tmpfs", directory.path("run"), {"nosuid", "mode=0755", "no_such_option"})};
    mount.optional_options = 1;
    REQUIRE(steps::mount_all({mount}, notes));
    CHECK(notes.texts().empty());
    CHECK(mode("run") == 0755);
    CHECK(unmount_all(directory.path("run"), unmount_mode::normal));
}

TEST_CASE_METHOD(steps_fixture, "mounting twice mounts once", "[.][privileged]") {
    std::vector<boot_mount> table{
        {mount_entry("tmpfs", "tmpfs", directory.path("run"), {}), step_policy::fatal},
        {mount_entry("tmpfs", "tmpfs", directory.path("run/inner/deep"), {}), step_policy::fatal}};
    REQUIRE(steps::mount_all(table, notes));
    REQUIRE(steps::mount_all(table, notes));
    CHECK(notes.texts().empty());
    auto mounts = read_mount_table().value();
    CHECK(std::count_if(mounts.begin(), mounts.end(),
                        [&](const auto& mount) { return is_beneath(mount.mount_point, directory.path()); }) == 2);
    CHECK(unmount_all(directory.path("run/inner/deep"), unmount_mode::normal));
    CHECK(unmount_all(directory.path("run"), unmount_mode::normal));
}

TEST_CASE_METHOD(steps_fixture, "a root that is no initial ramfs is left where it is", "[boot]") {
    static int mounts;
    mounts = 0;
    syscalls::set_fault_hook([](std::string_view name) {
        if (name == "mount") ++mounts;
        return name == "mount" ? EPERM : 0;
    });
    CHECK(steps::move_root(notes));
    CHECK(mounts == 0);
}

TEST_CASE_METHOD(steps_fixture, "a process with its three descriptors keeps them", "[boot]") {
    syscalls::set_fault_hook([](std::string_view name) { return name == "mount" || name == "open" ? EPERM : 0; });
    CHECK(steps::open_console(notes));
    CHECK(steps::open_console_again(notes));
    CHECK(notes.texts().empty());
}

TEST_CASE_METHOD(steps_fixture, "name servers, domains and hosts become files, hosts of the image stay", "[boot]") {
    fs::create_directories(directory.path("etc"));
    parsed_network network;
    REQUIRE(steps::write_name_files(network, directory.path(), notes));
    CHECK(text("etc/resolv.conf").empty());
    CHECK(mode("etc/resolv.conf") == 0644);
    CHECK(text("etc/hosts").find("127.0.0.1 localhost") == 0);

    put("etc/hosts", "mine\n");
    network = parse_network_settings(kernel_cmdline("ip=::::box:::1.1.1.1:oops"), {"eth0,search=a.example"});
    REQUIRE(steps::write_name_files(network, directory.path(), notes));
    CHECK(text("etc/resolv.conf") == "search a.example\nnameserver 1.1.1.1\n");
    CHECK(mode("etc/resolv.conf") == 0644);
    CHECK(text("etc/hosts") == "mine\n");
    CHECK(notes.texts() == names{"bad address \"oops\": invalid argument"});
}

TEST_CASE("the mounts nothing works without are fatal, the others are not", "[boot]") {
    names fatal;
    for (const auto& mount : boot_mounts()) {
        if (mount.policy == step_policy::fatal) fatal.push_back(mount.entry.target);
    }
    CHECK(fatal == names{"/proc", "/sys", "/sys/fs/cgroup", "/run", "/tmp", "/dev"});
}

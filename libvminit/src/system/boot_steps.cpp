// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/boot_steps.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "root_storage.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/null_device.hpp"
#include "vminit/core/protection.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/mount.hpp"
#include "vminit/system/mount_table.hpp"
#include "vminit/system/network.hpp"

namespace vminit::system {

namespace {

constexpr const char* module_list = "/etc/vminit/modules";
constexpr const char* cmdline_file = "/proc/cmdline";

boot_mount mount_of(const char* target, const char* type, const char* source, std::vector<std::string> options,
                    step_policy policy = step_policy::fatal) {
    boot_mount mount;
    mount.entry = mount_entry(type, source, target, std::move(options));
    mount.policy = policy;
    return mount;
}

// The agent's log neither needs a disk nor waits for one.
boot_mount log_mount() {
    auto mount = mount_of("/var/log", "tmpfs", "tmpfs", {"nosuid", "nodev", "noexec", "mode=0755", "size=16m"},
                          step_policy::warn);
    mount.condition = mount_condition::unless_in_memory;
    return mount;
}

// The entry to the boot needs these two alone.
boot_mount proc_mount() { return mount_of("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}); }
boot_mount dev_mount() { return mount_of("/dev", "devtmpfs", "devtmpfs", {"nosuid", "noexec"}); }

// What a kernel may be too old for stands at the end, the youngest last: memory_recursiveprot is of 5.7, nsdelegate of 4.13.
boot_mount cgroup_mount() {
    auto mount = mount_of("/sys/fs/cgroup", "cgroup2", "none",
                          {"nosuid", "nodev", "noexec", "nsdelegate", "memory_recursiveprot"});
    mount.optional_options = 2;
    return mount;
}

// proc and tmpfs make a new filesystem each time and never say EBUSY, so the table is asked as well.
bool is_mounted(const std::vector<mount_info>& table, const mount_entry& entry) {
    return std::any_of(table.begin(), table.end(), [&](const auto& mount) {
        return mount.mount_point == entry.target && mount.type == entry.type;
    });
}

result<void> mount_at_boot(const boot_mount& mount) {
    const auto& target = mount.entry.target;
    if (auto made = provide_directory("", target); !made) return made.error();
    if (mount.condition == mount_condition::unless_in_memory && storage_of(target) == storage::memory) return {};
    mount_entry entry(mount.entry.type, mount.entry.source, {}, mount.entry.options);
    for (auto left = mount.optional_options;; --left) {
        auto mounted = mount_filesystem(entry, target);
        if (mounted || syscalls::is_errno(mounted.error(), EBUSY)) return {};
        if (left == 0 || !syscalls::is_errno(mounted.error(), EINVAL)) return mounted.error();
        entry.options.pop_back();
    }
}

// mode applied by chmod: mkdir(2) and mknod(2) are subject to the umask.
result<void> make_sticky_directory(const std::string& path) {
    if (auto made = make_directories(path, 0755); !made) return made.error();
    return syscalls::attempt("chmod", path, [&] { return ::chmod(path.c_str(), 01777); });
}

result<void> ignore_existing(result<void> outcome) {
    if (!outcome && syscalls::is_errno(outcome.error(), EEXIST)) return {};
    return outcome;
}

result<void> make_fuse_node(const std::string& path) {
    auto made =
        syscalls::attempt("mknod", path, [&] { return ::mknod(path.c_str(), S_IFCHR | 0666, ::makedev(10, 229)); });
    if (!made) return ignore_existing(made);
    return syscalls::attempt("chmod", path, [&] { return ::chmod(path.c_str(), 0666); });
}

result<void> mount_everything(step_notes& notes) {
    auto mounted = steps::mount_all(boot_mounts(), notes);
    if (!mounted) return mounted;
    notes.expect(make_sticky_directory("/run/lock"));
    // Only the initial ramfs lacks it.
    if (storage_of("/") == storage::memory) notes.expect(make_directories("/lib", 0755));
    return {};
}

bool is_null_device(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3);
}

std::string wanted_hostname() {
    auto cmdline = kernel_cmdline::read();
    if (!cmdline) return "localhost";
    auto hostname = parse_network_settings(*cmdline).settings.hostname;
    return hostname.empty() ? "localhost" : hostname;
}

}  // namespace

const std::vector<boot_mount>& boot_mounts() {
    static const std::vector<boot_mount> mounts{
        proc_mount(),
        mount_of("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev"}),
        cgroup_mount(),
        // A tmpfs without a mode is for everybody to write to.
        mount_of("/run", "tmpfs", "tmpfs", {"nosuid", "noexec", "nodev", "mode=0755"}),
        mount_of("/tmp", "tmpfs", "tmpfs", {"nosuid", "noexec", "nodev"}),
        dev_mount(),
        // The rest is for some containers or for the agent: without one of them the others still run.
        // Programs from the extras disk run from here: /run itself is noexec.
        mount_of("/run/spin-stack", "tmpfs", "tmpfs", {"nosuid", "nodev", "size=32m", "mode=0755"}, step_policy::warn),
        // Before what else lies in /var: on a read-only root without it there is a cover over /var.
        log_mount(),
        mount_of("/var/lib/spin-stack", "tmpfs", "tmpfs", {"nosuid", "nodev", "size=32m", "mode=0755"},
                 step_policy::warn),
        mount_of("/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "gid=5", "mode=0620", "ptmxmode=0666"},
                 step_policy::warn),
        mount_of("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}, step_policy::warn),
    };
    return mounts;
}

boot_plan vm_entry_plan() {
    // The console's driver may be a module.
    auto again = [](step_notes& notes) -> result<void> {
        if (!steps::has_console()) notes.expect(steps::load_serving_modules(module_list, cmdline_file, notes));
        return steps::open_console_again(notes);
    };
    return {
        {"console", step_policy::warn, steps::open_console},
        {"proc", step_policy::warn, steps::mount_proc},
        {"console-again", step_policy::warn, again},
    };
}

boot_plan vm_boot_plan() {
    using lane = blocking_lane;
    auto modules = [](step_notes& notes) { return steps::load_serving_modules(module_list, cmdline_file, notes); };
    auto nodes = [](step_notes& notes) { return steps::make_dev_nodes("/dev", notes); };
    auto null = [](step_notes&) { return hold_null_device(); };
    auto cgroup = [](step_notes& notes) { return steps::enable_controllers("/sys/fs/cgroup", notes); };
    auto files = [](step_notes& notes) { return steps::write_files("", notes); };
    // While the root moves, what is mounted below it is out of sight for a moment: /proc, too.
    const std::vector<std::string> root{"move-root"};
    const std::vector<std::string> mounts{"mount-filesystems"};
    return {
        // A nice value is a thread's own, so this one is the loop's; all that it does are short system calls.
        {"process-limits", step_policy::warn, steps::protect_process, {}, std::nullopt},
        {"move-root", step_policy::warn, steps::move_root},
        {"kernel-modules", step_policy::warn, modules, root, lane::files},
        {"mount-filesystems", step_policy::fatal, mount_everything, root},
        {"dev-nodes", step_policy::warn, nodes, mounts},
        {"null-device", step_policy::warn, null, mounts},
        {"cgroup-control", step_policy::warn, cgroup, mounts},
        {"etc-files", step_policy::warn, files, mounts},
        {"kernel-settings", step_policy::warn, steps::apply_kernel_settings, root, lane::kernel_writes},
        {"loopback", step_policy::warn, steps::raise_loopback, {}, lane::kernel_writes},
    };
}

boot_plan vm_late_plan() {
    return {{"late-modules", step_policy::warn, steps::load_other_modules, {}, blocking_lane::files}};
}

namespace steps {

result<void> open_console(step_notes& notes) {
    auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) != -1; };
    if (is_open(0) && is_open(1) && is_open(2)) return {};
    auto mounted = mount_at_boot(dev_mount());
    if (!mounted) return mounted;
    auto console = syscalls::open("/dev/console", O_RDWR | O_NOCTTY);
    if (!console) {
        // Numbers 0 to 2 must not be given to something else.
        notes.degraded(console.error());
        console = syscalls::open("/dev/null", O_RDWR);
        if (!console) return console.error();
    }
    int source = console->get();
    for (int fd = 0; fd <= 2; ++fd) {
        if (!is_open(fd)) notes.expect(syscalls::attempt("dup2", {}, [&] { return ::dup2(source, fd); }));
    }
    if (source > 2) return {};
    // It got one of the three numbers itself: there it stays, and children inherit it like the others.
    (void)console->release();
    return syscalls::attempt("fcntl", "F_SETFD", [&] { return ::fcntl(source, F_SETFD, 0); });
}

result<void> mount_proc(step_notes&) {
    if (::access("/proc/self", F_OK) == 0) return {};
    return mount_at_boot(proc_mount());
}

result<void> open_console_again(step_notes& notes) {
    if (has_console()) return {};
    auto console = syscalls::open("/dev/console", O_RDWR | O_NOCTTY);
    if (console) notes.expect(use_console(*console));  // else it was told already, and /dev/null serves
    return {};
}

bool has_console() noexcept { return !is_null_device(STDIN_FILENO); }

result<void> use_console(const unique_fd& console) {
    for (int fd = 0; fd <= 2; ++fd) {
        auto done = syscalls::attempt("dup2", {}, [&] { return ::dup2(console.get(), fd); });
        if (!done) return done;
    }
    return {};
}

result<void> mount_all(const std::vector<boot_mount>& mounts, step_notes& notes) {
    notes.expect(syscalls::attempt("mount", "make / private",
                                   [] { return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); }));
    // Without /proc nothing is known, and nothing but what this boot did can be mounted.
    auto table = read_mount_table();
    for (const auto& mount : mounts) {
        if (table && is_mounted(*table, mount.entry)) continue;
        auto mounted = mount_at_boot(mount);
        if (mounted) continue;
        if (mount.policy == step_policy::fatal) return mounted;
        notes.degraded(mounted.error());
    }
    return {};
}

result<void> make_dev_nodes(const std::string& dev, step_notes& notes) {
    notes.expect(make_fuse_node(dev + "/fuse"));
    static constexpr std::pair<const char*, const char*> links[] = {
        {"/fd", "/proc/self/fd"},       {"/stdin", "/proc/self/fd/0"}, {"/stdout", "/proc/self/fd/1"},
        {"/stderr", "/proc/self/fd/2"}, {"/ptmx", "/dev/pts/ptmx"},
    };
    for (const auto& [name, target] : links) {
        std::string path = dev + name;
        notes.expect(ignore_existing(
            syscalls::attempt("symlink", path, [&, to = target] { return ::symlink(to, path.c_str()); })));
    }
    return {};
}

result<void> enable_controllers(const std::string& root, step_notes& notes) {
    auto offered = read_file(root + "/cgroup.controllers");
    if (!offered) return offered.error();
    std::string list = " " + std::string(trimmed(*offered)) + " ";
    for (std::string_view wanted : {"cpu", "cpuset", "io", "memory", "pids"}) {
        std::string name(wanted);
        if (list.find(" " + name + " ") == std::string::npos) continue;
        // The kernel rejects a whole line for one controller it cannot enable.
        auto written = write_file(root + "/cgroup.subtree_control", "+" + name);
        if (!written) notes.degraded("enable " + name + ": " + written.error().message());
    }
    return {};
}

result<void> write_files(const std::string& root, step_notes& notes) {
    static constexpr std::string_view features =
        R"({"containerd.io/runtime-allow-mounts":"mkdir/*,format/*,erofs,ext4",)"
        R"("containerd.io/runtime-type":"vm","containerd.io/vm-type":"microvm"})";
    std::string directory = root + "/run/vminitd";
    auto made = make_directories(root + "/run", 0755);
    if (made) made = make_directories(directory, 0750);
    notes.expect(made ? replace_file(directory + "/features.json", features, 0600) : made);
    return provide_directory(root, "/etc");
}

result<void> write_name_files(const parsed_network& network, const std::string& root, step_notes& notes) {
    for (const auto& problem : network.problems) notes.degraded(problem);
    const auto& settings = network.settings;
    auto is_there = [&](const char* name) { return ::access((root + "/etc/" + name).c_str(), F_OK) == 0; };
    // Containers get a bind mount of it even when no name server is known. An image that brings its own knows better
    // than nothing, and of hosts better than we do.
    auto servers = resolv_conf(settings);
    if (!servers.empty() || !is_there("resolv.conf")) notes.expect(provide_etc_file(root, "resolv.conf", servers));
    if (!is_there("hosts")) notes.expect(provide_etc_file(root, "hosts", hosts_file(settings)));
    return {};
}

// Where /etc could not be had it is there all the same.
std::string container_resolv_conf(const std::string& root) {
    std::string own = root + "/run/vminitd/resolv.conf";
    return ::access(own.c_str(), F_OK) == 0 ? own : root + "/etc/resolv.conf";
}

result<void> apply_kernel_settings(step_notes& notes) {
    notes.expect(write_file("/proc/sys/kernel/ctrl-alt-del", "0"));
    auto name = wanted_hostname();
    notes.expect(syscalls::attempt("sethostname", name, [&] { return ::sethostname(name.data(), name.size()); }));
    return {};
}

result<void> raise_loopback(step_notes&) { return set_link_up("lo"); }

result<void> protect_process(step_notes& notes) {
    for (const auto& failure : protection::apply()) notes.degraded(failure);
    return {};
}

}  // namespace steps
}  // namespace vminit::system

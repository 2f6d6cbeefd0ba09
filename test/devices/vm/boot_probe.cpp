// SPDX-License-Identifier: Apache-2.0
// PID 1 of a test VM: runs the boot plan for real and prints what it finds, one `PROBE <what> <value>` a line, for
// boot_probe.sh to compare. Words behind `--` on the kernel command line choose what happens next.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>

#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/devices/extras.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/fatal.hpp"
#include "vminit/system/machine_end.hpp"
#include "vminit/system/mount_table.hpp"
#include "vminit/system/network.hpp"
#include "vminit/system/power.hpp"
#include "vminit/system/system_service.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

void say(const std::string& what, const std::string& value) {
    std::string line = "PROBE " + what + " " + value + "\n";
    (void)!::write(1, line.data(), line.size());
}

void say_file(const std::string& path) {
    auto text = read_file(path);
    say(path, text ? std::string(trimmed(*text)) : text.error().message());
}

void say_mode(const std::string& path) {
    struct stat status{};
    char mode[16] = "missing";
    if (::lstat(path.c_str(), &status) == 0) ::snprintf(mode, sizeof mode, "%o", status.st_mode);
    say("mode:" + path, mode);
}

const char* outcome_name(step_outcome outcome) {
    return outcome == step_outcome::ok ? "ok" : outcome == step_outcome::degraded ? "degraded" : "failed";
}

// In a child with a mount namespace of its own, as an OCI runtime does it.
std::string try_pivot() {
    pid_t child = ::fork();
    if (child == 0) {
        if (::unshare(CLONE_NEWNS) != 0) ::_exit(10);
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
        ::mkdir("/tmp/new", 0755);
        if (::mount("tmpfs", "/tmp/new", "tmpfs", 0, nullptr) != 0) ::_exit(11);
        if (::chdir("/tmp/new") != 0) ::_exit(12);
        if (::syscall(SYS_pivot_root, ".", ".") != 0) ::_exit(13);
        if (::umount2(".", MNT_DETACH) != 0) ::_exit(14);
        ::_exit(::access("/etc", F_OK) == 0 ? 15 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return std::to_string(WEXITSTATUS(status));
}

long count_modules() {
    auto modules = read_file("/proc/modules");
    return std::count(modules->begin(), modules->end(), '\n');
}

// What a child of the reaper inherits of what PID 1 has done to itself.
void probe_child(asio::io_context& context) {
    reaper::spawn_options options("/init", {"/init", "child"});
    options.stdout_fd = 1;
    auto child = asio::use_service<reaper::reaper_service>(context).launch(std::move(options));
    if (!child) say("child", child.error().message());
}

int be_child() {
    struct rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    say("child-files", std::to_string(files.rlim_cur) + " " + std::to_string(files.rlim_max));
    say("child-score", std::string(trimmed(read_file("/proc/self/oom_score_adj").value())));
    return 0;
}

void probe_tree() {
    say("pivot", try_pivot());
    auto table = read_mount_table();
    for (const auto& mount : *table) say("mount", mount.mount_point + " " + mount.type + " " + mount.options);
    for (const char* path : {"/proc/sys/kernel/ctrl-alt-del", "/proc/sys/kernel/hostname",
                             "/run/vminitd/features.json", "/sys/fs/cgroup/cgroup.subtree_control",
                             "/sys/class/net/lo/flags", "/proc/self/oom_score_adj"}) {
        say_file(path);
    }
    for (const char* path :
         {"/run/lock", "/dev/fuse", "/dev/fd", "/dev/ptmx", "/dev/shm", "/run/vminitd", "/.vminit-root"}) {
        say_mode(path);
    }
    say("stdio", ::isatty(0) != 0 ? "tty" : "other");
    say("modules-early", std::to_string(count_modules()));
}

awaitable<void> probe_services(asio::io_context& context) {
    auto& service = asio::use_service<system_service>(context);
    auto facts = co_await service.info();
    say("kernel", facts->kernel_version.substr(0, 13));
    auto cmdline = kernel_cmdline::read();
    auto network = parse_network_settings(*cmdline);
    step_notes notes;
    (void)steps::write_name_files(network, "", notes);
    for (const auto& link : network.settings.links) {
        auto failures = co_await service.configure_link(link, network.settings.wants_metadata_route);
        for (const auto& failure : failures) say("network-failure", failure.message());
        say_file("/etc/resolv.conf");
        auto routes = read_file("/proc/net/route");
        say("routes", std::to_string(std::count(routes->begin(), routes->end(), '\n') - 1));
        auto again = co_await service.configure_link(link, network.settings.wants_metadata_route);
        say("network-again", std::to_string(again.size()));
    }
    auto offline = co_await service.offline_cpu(1);
    say("offline-cpu-1", offline ? "ok" : offline.error().message());
    say_file("/sys/devices/system/cpu/online");
    auto online = co_await service.online_cpu(1);
    say("online-cpu-1", online ? "ok" : online.error().message());
    say_file("/sys/devices/system/cpu/online");
    auto missing = co_await service.offline_cpu(9);
    say("offline-cpu-9", missing ? "ok" : missing.error().message());
    auto memory = co_await service.online_memory(0);
    say("online-memory-0", memory ? "ok" : memory.error().message());
    resume_request request;
    request.now = wall_time(std::chrono::seconds(2000000000));
    request.entropy = "some bytes from the host";
    auto resumed = co_await service.resume(request);
    say("resume", resumed ? std::to_string(::time(nullptr) / 10) : resumed.error().message());
}

// Sleeps in the kernel until somebody thaws.
result<void> write_late() { return replace_file("/run/disk/late", "x", 0644); }

awaitable<void> probe_freeze(asio::io_context& context) {
    auto& service = asio::use_service<system_service>(context);
    ::mkdir("/run/disk", 0755);
    ::mkdir("/run/disk2", 0755);
    auto disk = co_await asio::use_service<devices::device_service>(context).find_block_by_serial("probe");
    say("disk", disk ? *disk : disk.error().message());
    if (!disk || ::mount(disk->c_str(), "/run/disk", "ext4", 0, nullptr) != 0) co_return;
    ::mount("/run/disk", "/run/disk2", nullptr, MS_BIND, nullptr);
    auto first = co_await service.freeze_filesystems();
    say("freeze", first ? first->size() == 1 ? first->front() : "several" : first.error().message());
    auto second = co_await service.freeze_filesystems();
    say("freeze-again", second ? std::to_string(second->size()) : second.error().message());
    auto thawed = co_await service.thaw_filesystems();
    say("thaw", thawed ? "ok" : thawed.error().message());
    auto written = replace_file("/run/disk/file", "x", 0644);
    say("write-after-thaw", written ? "ok" : written.error().message());
    (void)co_await service.freeze_filesystems();
    auto late = co_await asio::use_service<blocking_service>(context).run(blocking_lane::files, write_late);
    say("write-after-safety-thaw", late ? "ok" : late.error().message());
    auto again = co_await service.thaw_filesystems();
    say("thaw-again", again ? "ok" : again.error().message());
}

awaitable<void> probe_extras(asio::io_context& context) {
    auto cmdline = kernel_cmdline::read();
    auto settings = devices::parse_extras_settings(*cmdline);
    if (!settings || !*settings) co_return;
    auto report = co_await devices::extract_extras(context, **settings);
    say("extras", report ? std::to_string(report->files) : report.error().message());
    say_mode("/run/spin-stack/spin-supervisor");
    say("executes", ::access("/run/spin-stack/spin-supervisor", X_OK) == 0 ? "yes" : "no");
    say_file("/run/spin-stack/.extras-extracted");
}

void go_down(asio::io_context& context, boot_timeline& timeline, const std::string& how) {
    power_control power(context);
    auto say_phase = [](const char* name) {
        return [name]() -> awaitable<void> {
            say("phase", name);
            co_return;
        };
    };
    power.add_phase({"first", 100ms, say_phase("first")});
    if (how == "stuck") {
        power.add_phase({"stuck", 60s, []() -> awaitable<void> {
                             say("phase", "stuck");
                             for (;;) ::pause();  // the loop itself hangs
                             co_return;
                         }});
    }
    if (how == "signal") {
        power.add_phase({"clean-up", 1s, [&context]() -> awaitable<void> {
                             co_await asio::use_service<system_service>(context).clean_up();
                             say("read-only-problems", std::to_string(remount_read_only().size()));
                         }});
    }
    power.add_phase({"last", 100ms, say_phase("last")});
    task_group tasks(context.get_executor(), log_of(context));
    tasks.spawn("power", power.run());
    tasks.spawn("trigger", [](asio::io_context& where, boot_timeline& times) -> awaitable<void> {
        (void)co_await run_boot_graph(where, vm_late_plan(), times);
        say("modules", std::to_string(count_modules()));
        co_await probe_services(where);
        co_await probe_freeze(where);
        co_await probe_extras(where);
        ::kill(::getpid(), SIGINT);
    }(context, timeline));
    context.run();
}

void recurse(volatile char* above) {
    volatile char here[4096];
    here[0] = *above;
    if (here[0] == 0) recurse(here);
    *above = 1;
}

void break_down(const std::string& how) {
    if (how == "terminate") std::terminate();
    if (how == "overflow") {
        char start = 0;
        recurse(&start);
    }
    if (how == "segv") {
        volatile int* nowhere = nullptr;
        *nowhere = 1;
    }
    if (how == "killed") {
        pid_t child = ::fork();
        if (child == 0) {
            ::kill(1, SIGSEGV);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
        say("survived", how);
        end_machine();
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (::getpid() != 1) return be_child();
    boot_timeline timeline;
    timeline.reached("pid1-entry");
    install_fatal_handlers();
    std::string how = argc > 1 ? argv[argc - 1] : "plan";
    asio::io_context context{1};
    asio::make_service<log_service>(context, logger(descriptor_sink(2), log_level::debug, log_format::text));
    system_config config;
    config.thaw_limit = 1s;
    asio::make_service<system_service>(context, std::move(config));
    auto booted = run_boot(vm_entry_plan(), timeline, log_of(context));
    if (booted) booted = run_boot(vm_boot_plan(), timeline, log_of(context));
    timeline.reached("system-init");
    timeline.print_to(log_of(context), boot_profile::on);
    say("boot", booted ? "ok" : booted.error().message());
    for (const auto& step : timeline.steps()) {
        say("step", step.name + " " + outcome_name(step.outcome) + " " + step.text);
        say("took", step.name + " " + std::to_string((step.ended - step.started).count()));
    }
    probe_tree();
    probe_child(context);
    break_down(how);
    go_down(context, timeline, how);
    say("still", "alive");
    for (;;) ::pause();
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/spawn.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "reaper/reaper_fixture.hpp"
#include "vminit/core/null_device.hpp"

using namespace vminit;
using namespace vminit::reaper;
using test::reaper_fixture;

namespace {

// What a child with our options prints on stdout.
class output_fixture : public reaper_fixture {
public:
    std::string output_of(spawn_options options) {
        auto pipe = syscalls::pipe().value();
        options.stdout_fd = pipe.write_end.get();
        auto process = launch(std::move(options));
        pipe.write_end.reset();
        std::string text;
        char buffer[4096];
        // Again on EINTR: the death of a child is a signal.
        auto read_some = [&] { return ::read(pipe.read_end.get(), buffer, sizeof buffer); };
        while (auto count = syscalls::raw("read", read_some).value())
            text.append(buffer, static_cast<std::size_t>(count));
        CHECK(exit_of(process) == 0);
        return text;
    }
};

void make_script(const std::string& path, const std::string& text, mode_t mode) {
    REQUIRE(replace_file(path, text, mode));
}

int fail_pidfd_open(std::string_view name) { return name == "pidfd_open" ? EMFILE : 0; }

}  // namespace

TEST_CASE_METHOD(output_fixture, "a child gets exactly its arguments and environment", "[reaper]") {
    spawn_options options("/bin/sh", {"not-sh", "-c", "printf '%s|' \"$0\" \"$@\"; env", "zero", "a b", ""});
    std::string long_value(200, 'v');
    options.env = std::vector<std::string>{"ONLY=this", "LONG=" + long_value};
    auto text = output_of(std::move(options));
    CHECK(text.starts_with("zero|a b||"));
    CHECK(text.find("ONLY=this\n") != std::string::npos);
    CHECK(text.find("LONG=" + long_value + "\n") != std::string::npos);
    CHECK(text.find("HOME=") == std::string::npos);
}

TEST_CASE_METHOD(output_fixture, "without an environment a child gets ours", "[reaper]") {
    ::setenv("VMINIT_SPAWN_TEST", "inherited", 1);
    CHECK(output_of(shell("printf %s $VMINIT_SPAWN_TEST")) == "inherited");
    ::unsetenv("VMINIT_SPAWN_TEST");
}

TEST_CASE_METHOD(output_fixture, "a name without a slash is searched in PATH", "[reaper]") {
    CHECK(output_of(spawn_options("printf", {"printf", "found"})) == "found");
}

TEST_CASE_METHOD(reaper_fixture, "a name that PATH does not have says so", "[reaper]") {
    auto failed = reaper.launch(spawn_options("vminit-no-such-program"));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() ==
          error(errc::not_found, "exec: \"vminit-no-such-program\": executable file not found in $PATH"));
}

TEST_CASE_METHOD(reaper_fixture, "a failed exec is an error of launch and leaves nothing behind", "[reaper]") {
    make_script(directory.path("plain"), "text", 0644);
    make_script(directory.path("garbage"), std::string("\x7f\x45\x4c\x46 no", 7), 0755);
    make_script(directory.path("orphaned"), "#!/nonexistent/interpreter\n", 0755);
    auto [name, code] = GENERATE(table<std::string, int>({{"missing", ENOENT},
                                                          {"plain", EACCES},
                                                          {"garbage", ENOEXEC},
                                                          {"orphaned", ENOENT},
                                                          {"plain/below", ENOTDIR}}));
    auto path = directory.path(name);
    auto failed = reaper.launch(spawn_options(path));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(syscalls::detail::errno_code(code), "fork/exec " + path));
    pump([&] { return reaper.counters().orphans_reaped == 1; });
    CHECK(reaper.counters().launch_failures == 1);
    CHECK(reaper.counters().known == 0);
}

TEST_CASE_METHOD(reaper_fixture, "a failed preparation names its step", "[reaper]") {
    auto options = shell("exit 0");
    SECTION("working directory") {
        options.working_directory = "/nonexistent";
        auto failed = reaper.launch(std::move(options));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message() == "fork/exec /bin/sh: chdir: No such file or directory");
    }
    SECTION("cgroup that does not exist") {
        options.cgroup_procs = {"/nonexistent/cgroup.procs"};
        auto failed = reaper.launch(std::move(options));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message() ==
              "fork/exec /bin/sh: open /nonexistent/cgroup.procs: No such file or directory");
    }
    SECTION("cgroup that refuses") {
        options.cgroup_procs = {"/dev/null", "/dev/full"};
        auto failed = reaper.launch(std::move(options));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message() == "fork/exec /bin/sh: cgroup: No space left on device");
    }
    SECTION("network namespace that does not exist") {
        options.network_namespace = "/nonexistent/netns";
        auto failed = reaper.launch(std::move(options));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message() == "fork/exec /bin/sh: open /nonexistent/netns: No such file or directory");
    }
    SECTION("network namespace that is none") {
        options.network_namespace = "/dev/null";
        auto failed = reaper.launch(std::move(options));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message() == "fork/exec /bin/sh: network namespace: Invalid argument");
    }
    SECTION("descriptor") {
        options.stdout_fd = 1 << 20;
        auto failed = reaper.launch(std::move(options));
        REQUIRE_FALSE(failed);
        CHECK(failed.error().message() == "fork/exec /bin/sh: fcntl F_DUPFD_CLOEXEC: Bad file descriptor");
    }
    CHECK(reaper.counters().known == 0);
}

TEST_CASE_METHOD(reaper_fixture, "a child that cannot have a pidfd is killed, not lost", "[reaper]") {
    syscalls::set_fault_hook(fail_pidfd_open);
    auto failed = reaper.launch(shell("exec sleep 1000"));
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().kind() == errc::resource_exhausted);
    pump([&] { return reaper.counters().orphans_reaped == 1; });
}

TEST_CASE_METHOD(output_fixture, "a child's descriptors are the standard ones and those it is given", "[reaper]") {
    auto leak = syscalls::open("/dev/null", O_RDONLY).value();
    unique_fd inheritable(::dup(leak.get()));  // without CLOEXEC, as a careless library makes them
    auto text = output_of(shell("exec ls /proc/self/fd"));
    CHECK(text == "0\n1\n2\n3\n");  // 3 is ls reading the directory
}

TEST_CASE_METHOD(output_fixture, "unused standard descriptors are /dev/null", "[reaper]") {
    CHECK(output_of(shell("readlink /proc/$$/fd/0 /proc/$$/fd/2")) == "/dev/null\n/dev/null\n");
}

TEST_CASE("a child is started also when /dev/null has been removed", "[reaper]") {
    REQUIRE(hold_null_device());  // before the fixture, which counts descriptors
    output_fixture fixture;
    auto script = fixture.shell("readlink /proc/$$/fd/0");
    auto fail_open = [](std::string_view call) { return call == "open" ? ENOENT : 0; };
    syscalls::set_fault_hook(fail_open);
    auto text = fixture.output_of(script);
    syscalls::set_fault_hook(nullptr);
    CHECK(text == "/dev/null\n");
}

TEST_CASE_METHOD(output_fixture, "descriptors can be crossed over and extra ones numbered", "[reaper]") {
    REQUIRE(replace_file(directory.path("a"), "a", 0644));
    REQUIRE(replace_file(directory.path("b"), "b", 0644));
    auto first = syscalls::open(directory.path("a"), O_RDONLY).value();
    auto second = syscalls::open(directory.path("b"), O_RDONLY).value();
    // Put our own descriptors exactly where the other one's target is.
    unique_fd at_six(::fcntl(first.get(), F_DUPFD_CLOEXEC, 60));
    unique_fd at_seven(::fcntl(second.get(), F_DUPFD_CLOEXEC, at_six.get() + 1));
    auto options = shell("cat /proc/self/fd/" + std::to_string(at_six.get()) + " /proc/self/fd/" +
                         std::to_string(at_seven.get()) + " /proc/self/fd/3");
    options.extra_fds = {{at_six.get(), at_seven.get()}, {at_seven.get(), at_six.get()}, {3, first.get()}};
    CHECK(output_of(std::move(options)) == "baa");
}

TEST_CASE_METHOD(output_fixture, "a child starts with no signal blocked or ignored", "[reaper]") {
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &usr1, &before);
    auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
    auto text = output_of(spawn_options("/bin/grep", {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}));
    std::signal(SIGPIPE, pipe_before);
    CHECK(text == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    sigset_t now;
    ::pthread_sigmask(SIG_SETMASK, &before, &now);
    CHECK(sigismember(&now, SIGUSR1) == 1);  // ours is as it was
}

TEST_CASE_METHOD(output_fixture, "a child starts in its working directory", "[reaper]") {
    auto options = shell("pwd");
    options.working_directory = "/usr";
    CHECK(output_of(std::move(options)) == "/usr\n");
}

TEST_CASE_METHOD(output_fixture, "process groups and sessions are as asked", "[reaper]") {
    // Fields 5 and 6 of stat: process group and session.
    auto options = shell("read -r line < /proc/$$/stat; set -- ${line##*) }; echo $(($3 == $$)) $(($4 == $$))");
    auto [group, expected] = GENERATE(table<process_group, std::string>(
        {{process_group::inherited, "0 0\n"}, {process_group::own, "1 0\n"}, {process_group::own_session, "1 1\n"}}));
    options.group = group;
    CHECK(output_of(std::move(options)) == expected);
}

TEST_CASE_METHOD(reaper_fixture, "a child tied to its parent dies with it", "[reaper]") {
    auto hold = reaper.hold();
    auto pipe = syscalls::pipe().value();
    pid_t parent = ::fork();
    if (parent == 0) {
        asio::io_context own(1);
        auto options = shell("exec sleep 1000");
        options.parent_death_signal = SIGKILL;
        auto started = asio::use_service<reaper_service>(own).launch(std::move(options));
        pid_t pid = started ? started->pid() : -1;
        if (::write(pipe.write_end.get(), &pid, sizeof pid) < 0) ::_exit(1);
        ::raise(SIGKILL);
    }
    pid_t pid = -1;
    REQUIRE(syscalls::raw("read", [&] { return ::read(pipe.read_end.get(), &pid, sizeof pid); }).value() == sizeof pid);
    await_death(parent);
    auto sleeper = reaper.adopt(pid);
    REQUIRE(sleeper);
    CHECK(exit_of(*sleeper) == 137);
}

TEST_CASE_METHOD(output_fixture, "a child starts in its network namespace, and we stay in ours", "[.][privileged]") {
    auto own = std::filesystem::read_symlink("/proc/self/ns/net");
    auto pipe = syscalls::pipe().value();
    spawn_options holder_options("unshare", {"unshare", "--net", "sh", "-c", "echo made; exec sleep 1000"});
    holder_options.stdout_fd = pipe.write_end.get();
    auto holder = launch(std::move(holder_options));
    char said = 0;
    REQUIRE(syscalls::raw("read", [&] { return ::read(pipe.read_end.get(), &said, 1); }).value() == 1);
    auto other = "/proc/" + std::to_string(holder.pid()) + "/ns/net";
    auto options = shell("readlink /proc/self/ns/net");
    options.network_namespace = other;
    auto seen = output_of(std::move(options));
    CHECK(seen == std::filesystem::read_symlink(other).string() + "\n");
    CHECK(seen != own.string() + "\n");
    CHECK(std::filesystem::read_symlink("/proc/self/ns/net") == own);
    REQUIRE(holder.signal(SIGKILL));
    (void)exit_of(holder);
}

TEST_CASE_METHOD(output_fixture, "a child can have a network namespace of its own", "[.][privileged]") {
    auto own = std::filesystem::read_symlink("/proc/self/ns/net");
    auto options = shell("readlink /proc/self/ns/net; tail -n +3 /proc/net/dev | cut -d: -f1");
    options.has_new_network = true;
    auto seen = output_of(std::move(options));
    CHECK(seen.starts_with("net:["));
    CHECK(seen.find(own.string()) == std::string::npos);
    CHECK(seen.find("lo") != std::string::npos);
    CHECK(std::filesystem::read_symlink("/proc/self/ns/net") == own);
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <type_traits>

// Boost.Process v2 of 1.81 forgets to include these when it uses std::filesystem.
#include <boost/optional.hpp>
#include <boost/type_traits.hpp>
#define BOOST_PROCESS_USE_STD_FS
#include <boost/process/v2/process.hpp>

#include "vminit/core/asio.hpp"
#include "vminit/core/null_device.hpp"
#include "vminit/core/protection.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::reaper {

namespace {

namespace process = boost::process::v2;

// Pointers for exec: nullptr-terminated, valid as long as the strings.
std::vector<const char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<const char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (const auto& text : texts) pointers.push_back(text.c_str());
    pointers.push_back(nullptr);
    return pointers;
}

// One descriptor on its way into the child: copied above every target first, so that no dup2 can overwrite a source.
struct redirection {
    unique_fd source;
    int target;
};

result<redirection> stage(int fd, int target, int above) {
    auto copied = syscalls::check("fcntl", "F_DUPFD_CLOEXEC", [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, above); });
    if (!copied) return copied.error();
    return redirection{unique_fd(static_cast<int>(*copied)), target};
}

result<std::vector<redirection>> stage_all(const spawn_options& options) {
    std::vector<std::pair<int, int>> wanted = {{0, options.stdin_fd}, {1, options.stdout_fd}, {2, options.stderr_fd}};
    wanted.insert(wanted.end(), options.extra_fds.begin(), options.extra_fds.end());
    unique_fd null;
    if (std::any_of(wanted.begin(), wanted.end(), [](auto pair) { return pair.second < 0; })) {
        auto opened = open_null_device();
        if (!opened) return opened.error();
        null = std::move(*opened);
    }
    int above = std::max_element(wanted.begin(), wanted.end())->first + 1;
    std::vector<redirection> staged;
    for (auto [target, fd] : wanted) {
        auto one = stage(fd >= 0 ? fd : null.get(), target, above);
        if (!one) return one.error();
        staged.push_back(std::move(*one));
    }
    return staged;
}

// What the child does between vfork and exec. It runs in our memory while our thread stands still: system calls only,
// no allocation, and what it writes here we can read afterwards.
class child_setup {
public:
    child_setup(const spawn_options& options, const std::vector<redirection>& fds,
                const std::vector<unique_fd>& cgroups, int network)
        : options_(options), fds_(fds), cgroups_(cgroups), network_(network), parent_(::getpid()) {}

    error_code prepare() {
        error_code failed;
        protection::undo_in_child();
        bool is_ready = join_group(failed) && enter_cgroups(failed) && enter_network(failed) && redirect(failed) &&
                        change_directory(failed) && change_user(failed) && tie_to_parent(failed);
        if (is_ready) reset_signals();
        failure_ = failed.value();
        return failed;
    }

    // exit(3) would run our atexit handlers and flush our buffers.
    [[noreturn]] void give_up() {
        if (failure_ == 0) {
            step_ = "";
            failure_ = syscalls::detail::last_error().value();
        }
        ::_exit(127);
    }

    int failure() const noexcept { return failure_; }
    const char* step() const noexcept { return step_; }

private:
    template <class Call>
    bool attempt(const char* step, error_code& failed, Call&& call) {
        auto outcome = syscalls::raw(step, std::forward<Call>(call));
        if (outcome) return true;
        step_ = step;
        failed = outcome.error();
        return false;
    }

    bool join_group(error_code& failed) {
        switch (options_.group) {
            case process_group::inherited:
                return true;
            case process_group::own:
                return attempt("setpgid", failed, [] { return ::setpgid(0, 0); });
            case process_group::own_session:
                return attempt("setsid", failed, [] { return ::setsid(); });
        }
        return true;
    }

    bool enter_cgroups(error_code& failed) {
        for (const auto& cgroup : cgroups_) {
            if (!attempt("cgroup", failed, [&] { return ::write(cgroup.get(), "0", 1); })) return false;
        }
        return true;
    }

    // Of this task only: vfork shares our memory, not our namespaces.
    bool enter_network(error_code& failed) {
        if (options_.has_new_network) return attempt("new network", failed, [] { return ::unshare(CLONE_NEWNET); });
        if (network_ < 0) return true;
        return attempt("network namespace", failed, [&] { return ::setns(network_, CLONE_NEWNET); });
    }

    bool redirect(error_code& failed) {
        for (const auto& fd : fds_) {
            if (!attempt("dup2", failed, [&] { return ::dup2(fd.source.get(), fd.target); })) return false;
        }
        return true;
    }

    bool change_directory(error_code& failed) {
        if (options_.working_directory.empty()) return true;
        return attempt("chdir", failed, [&] { return ::chdir(options_.working_directory.c_str()); });
    }

    // The bare system calls: glibc's wrappers would change our other threads too.
    bool change_user(error_code& failed) {
        if (options_.uid && !attempt("setgroups", failed, [] { return ::syscall(SYS_setgroups, 0, nullptr); }))
            return false;
        if (options_.gid && !attempt("setgid", failed, [&] { return ::syscall(SYS_setgid, *options_.gid); }))
            return false;
        if (options_.uid && !attempt("setuid", failed, [&] { return ::syscall(SYS_setuid, *options_.uid); }))
            return false;
        return true;
    }

    // After the change of user, which clears the setting (prctl(2)).
    bool tie_to_parent(error_code& failed) {
        int number = options_.parent_death_signal;
        if (number == 0) return true;
        if (!attempt("prctl", failed, [&] { return ::prctl(PR_SET_PDEATHSIG, number); })) return false;
        return attempt("parent", failed, [&] {
            if (::getppid() == parent_) return 0;
            errno = ESRCH;  // it died before the setting took effect
            return -1;
        });
    }

    // Handlers go before the mask: one of ours must never run in the child. Numbers that cannot be set are no matter.
    void reset_signals() {
        for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
    }

    const spawn_options& options_;
    const std::vector<redirection>& fds_;
    const std::vector<unique_fd>& cgroups_;
    int network_;
    pid_t parent_;
    // Written by the child in our memory behind the compiler's back.
    volatile int failure_ = 0;
    const char* volatile step_ = "";
};

// No signal of ours may be handled while the child shares our memory.
class all_signals_blocked {
public:
    all_signals_blocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    all_signals_blocked(const all_signals_blocked&) = delete;
    all_signals_blocked& operator=(const all_signals_blocked&) = delete;

private:
    sigset_t before_;
};

// Boost's launcher without its context: telling one of the fork allocates, on both sides. An exception in the child
// would unwind into our loop with us in vfork for good; one in the parent would lose the child.
class launcher : public process::posix::default_launcher {
public:
    launcher(const spawn_options& options, const std::vector<const char*>& environment) {
        if (options.env) env = environment.data();
        for (const auto& [target, fd] : options.extra_fds) fd_whitelist.push_back(target);
    }

    pid_t launch(const char* path, const char* const* arguments, child_setup& setup) {
        all_signals_blocked guard;
        pid = ::vfork();
        if (pid == 0) become(path, arguments, setup);
        return pid;
    }

private:
    [[noreturn]] void become(const char* path, const char* const* arguments, child_setup& setup) {
        process::error_code failed = setup.prepare();
        if (!failed) close_all_fds(failed);
        if (!failed) ::execve(path, const_cast<char* const*>(arguments), const_cast<char* const*>(env));
        setup.give_up();
    }
};

result<std::vector<unique_fd>> open_all(const std::vector<std::string>& paths, int flags) {
    std::vector<unique_fd> files;
    for (const auto& path : paths) {
        auto file = syscalls::open(path, flags);
        if (!file) return file.error();
        files.push_back(std::move(*file));
    }
    return files;
}

result<unique_fd> open_if_named(const std::string& path) {
    if (path.empty()) return unique_fd();
    auto files = open_all({path}, O_RDONLY);
    if (!files) return files.error();
    return std::move(files->front());
}

error launch_error(const std::string& path, int code, std::string_view step) {
    std::string context = "fork/exec " + path;
    if (!step.empty()) context.append(": ").append(step);
    return error(syscalls::detail::errno_code(code), std::move(context));
}

}  // namespace

result<std::string> find_program(const std::string& path) {
    if (path.find('/') != std::string::npos) return path;
    const char* variable = ::getenv("PATH");
    std::string_view rest =
        variable != nullptr ? variable : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (!rest.empty()) {
        auto end = std::min(rest.find(':'), rest.size());
        std::string candidate = std::string(rest.substr(0, end)) + "/" + path;
        if (end > 0 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return error(errc::not_found, "exec: \"" + path + "\": executable file not found in $PATH");
}

result<spawned> spawn(const spawn_options& options) {
    auto path = find_program(options.path);
    if (!path) return path.error();
    auto staged = stage_all(options);
    if (!staged) return staged.error().within("fork/exec " + *path);
    auto cgroups = open_all(options.cgroup_procs, O_WRONLY);
    if (!cgroups) return cgroups.error().within("fork/exec " + *path);
    auto network = open_if_named(options.network_namespace);
    if (!network) return network.error().within("fork/exec " + *path);
    std::vector<const char*> environment;
    if (options.env) environment = pointers_to(*options.env);
    child_setup setup(options, *staged, *cgroups, network->get());
    auto arguments = pointers_to(options.argv);
    if (options.argv.empty()) arguments.insert(arguments.begin(), options.path.c_str());
    pid_t pid = launcher(options, environment).launch(path->c_str(), arguments.data(), setup);
    if (pid == -1) return launch_error(*path, EAGAIN, "vfork");
    if (setup.failure() != 0) return launch_error(*path, setup.failure(), setup.step());
    auto opened = syscalls::check("pidfd_open", *path, [&] { return ::syscall(SYS_pidfd_open, pid, 0); });
    if (!opened) {
        ::kill(pid, SIGKILL);  // unknown to everybody; still unreaped, so the pid is right
        return opened.error().within("fork/exec " + *path);
    }
    return spawned{pid, unique_fd(static_cast<int>(*opened))};
}

}  // namespace vminit::reaper

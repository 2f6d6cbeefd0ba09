// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/container_init.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;

namespace {

/// A process that is the init of `command`, with a pipe at its stdout and stderr. Its stdin is no terminal of the
/// tests'.
class init_process {
public:
    explicit init_process(std::vector<std::string> command, void (*prepare)() = nullptr) {
        auto output = syscalls::pipe().value();
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::dup2(output.write_end.get(), STDOUT_FILENO);
            ::dup2(output.write_end.get(), STDERR_FILENO);
            ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
            if (prepare != nullptr) prepare();
            std::vector<char*> words;
            for (auto& word : command) words.push_back(word.data());
            words.push_back(nullptr);
            ::_exit(reaper::run_container_init(words.data()));
        }
        output_ = std::move(output.read_end);
    }

    static init_process shell(const std::string& script, void (*prepare)() = nullptr) {
        return init_process({"sh", "-c", script}, prepare);
    }

    std::string line() const {
        std::string text;
        char byte = 0;
        while (syscalls::raw("read", [&] { return ::read(output_.get(), &byte, 1); }).value() == 1 && byte != '\n')
            text.push_back(byte);
        return text;
    }

    void signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }

    int wait() const {
        int status = 0;
        REQUIRE(syscalls::raw("waitpid", [&] { return ::waitpid(pid_, &status, 0); }).value() == pid_);
        REQUIRE(WIFEXITED(status));
        return WEXITSTATUS(status);
    }

private:
    pid_t pid_ = -1;
    unique_fd output_;
};

void ignore_children() { ::signal(SIGCHLD, SIG_IGN); }

void take_terminal() {
    int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    ::grantpt(master);
    ::unlockpt(master);
    ::setsid();
    int terminal = ::open(::ptsname(master), O_RDWR);
    ::ioctl(terminal, TIOCSCTTY, 0);
    ::dup2(terminal, STDIN_FILENO);
}

}  // namespace

TEST_CASE("a container's init ends as its program does", "[reaper]") {
    CHECK(init_process::shell("exit 7").wait() == 7);
    CHECK(init_process::shell("kill -KILL $$").wait() == 128 + SIGKILL);
    CHECK(init_process::shell("exit 7", ignore_children).wait() == 7);
}

TEST_CASE("a container's init says why a program cannot be started, in its status too", "[reaper]") {
    init_process missing({"/nonexistent/program"});
    CHECK(missing.line() == "vminitd: exec /nonexistent/program: No such file or directory");
    CHECK(missing.wait() == 127);
    test::temporary_directory dir;
    REQUIRE(replace_file(dir.path("file"), "", 0644));
    init_process closed({dir.path("file")});
    CHECK(closed.line() == "vminitd: exec " + dir.path("file") + ": Permission denied");
    CHECK(closed.wait() == 126);
}

TEST_CASE("a container's init passes signals on", "[reaper]") {
    auto number = GENERATE(SIGTERM, SIGHUP, SIGUSR1, SIGWINCH, SIGRTMIN + 3);
    auto name = std::to_string(number);
    auto init = init_process::shell("trap 'kill $!; exit 42' " + name + "; sleep 1000 & echo ready; wait");
    CHECK(init.line() == "ready");
    init.signal(number);
    CHECK(init.wait() == 42);
}

TEST_CASE("a container's init collects orphans while its program runs", "[reaper]") {
    // The loop ends when the kernel has forgotten the orphan.
    auto init =
        init_process::shell("orphan=$( (true >/dev/null & echo $!) ); while [ -e /proc/$orphan ]; do :; done; exit 9");
    CHECK(init.wait() == 9);
}

TEST_CASE("the program of a container's init has its own process group, the terminal and no blocked signal",
          "[reaper]") {
    auto own = init_process::shell("read _ _ _ _ group _ </proc/$$/stat; echo $(($$ - group))");
    CHECK(own.line() == "0");
    CHECK(own.wait() == 0);
    auto front =
        init_process::shell("read _ _ _ _ group _ _ front _ </proc/$$/stat; echo $((front - group))", take_terminal);
    CHECK(front.line() == "0");
    CHECK(front.wait() == 0);
    auto free =
        init_process::shell("while read -r name mask; do [ $name != SigBlk: ] || echo $mask; done </proc/$$/status");
    CHECK(free.line() == "0000000000000000");
    CHECK(free.wait() == 0);
}

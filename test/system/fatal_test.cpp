// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/fatal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <exception>
#include <cstdlib>
#include <functional>
#include <string>

#include "vminit/core/syscalls.hpp"

using namespace vminit::system;

namespace {

struct ended_process {
    int status = 0;
    std::string text;
};

int console_of_child = -1;

// Runs `act` in a process of its own whose handlers write to a pipe and then end it with 77.
ended_process run_in_child(const std::function<void()>& act) {
    auto pipe = vminit::syscalls::pipe().value();
    pid_t child = ::fork();
    if (child == 0) {
        fatal_options options;
        options.console_fd = console_of_child = pipe.write_end.get();
        options.final_action = [](int) { ::_exit(77); };
        install_fatal_handlers(options);
        act();
        ::_exit(0);
    }
    pipe.write_end.reset();
    ended_process ended;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::read(pipe.read_end.get(), buffer, sizeof buffer)) > 0;) {
        ended.text.append(buffer, static_cast<std::size_t>(count));
    }
    ::waitpid(child, &ended.status, 0);
    return ended;
}

}  // namespace

TEST_CASE("a fatal signal of its own is reported with the sender", "[fatal]") {
    int number = GENERATE(SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP);
    auto ended = run_in_child([=] { ::kill(::getpid(), number); });
    CHECK(WEXITSTATUS(ended.status) == 77);
    CHECK(ended.text.starts_with("vminitd: fatal signal " + std::to_string(number) + ", sent by pid "));
    CHECK(ended.text.find("vminitd: return addresses 0x") != std::string::npos);
}

TEST_CASE("a trap is reported with the place and the address", "[fatal]") {
    auto ended = run_in_child([] { __builtin_trap(); });
    CHECK(WEXITSTATUS(ended.status) == 77);
    CHECK(ended.text.starts_with("vminitd: fatal signal " + std::to_string(SIGILL) + " at 0x"));
}

TEST_CASE("std::terminate reports the exception", "[fatal]") {
    auto ended = run_in_child([] {
        try {
            throw std::runtime_error("the reason");
        } catch (...) {
            std::terminate();
        }
    });
    CHECK(WEXITSTATUS(ended.status) == 77);
    CHECK(ended.text.starts_with("vminitd: std::terminate: the reason\n"));
}

TEST_CASE("without a final action, a process that is not PID 1 dies of the signal", "[fatal]") {
    auto ended = run_in_child([] {
        fatal_options options;
        options.console_fd = -1;
        install_fatal_handlers(options);
        ::raise(SIGSEGV);
    });
    REQUIRE(WIFSIGNALED(ended.status));
    CHECK(WTERMSIG(ended.status) == SIGSEGV);
    CHECK(ended.text.empty());
}

namespace {

// A process with handlers that gets `attack` from another one, then says "alive" and ends by itself with 5.
ended_process attacked(const std::function<void(pid_t)>& attack) {
    return run_in_child([&] {
        int text = 0;
        fatal_options options;
        options.console_fd = -1;
        options.ignored_fd = text = ::dup(console_of_child);
        options.final_action = [](int) { ::_exit(77); };
        install_fatal_handlers(options);
        pid_t self = ::getpid();
        pid_t attacker = ::fork();
        if (attacker == 0) {
            attack(self);
            ::_exit(0);
        }
        ::waitpid(attacker, nullptr, 0);
        (void)!::write(text, "alive\n", 6);
        ::_exit(5);
    });
}

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

}  // namespace

TEST_CASE("a fault's signal that another process sends is told and ignored", "[fatal]") {
    int number = GENERATE(SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP);
    auto ended = attacked([=](pid_t target) { ::kill(target, number); });
    CHECK(WEXITSTATUS(ended.status) == 5);
    CHECK(ended.text.starts_with("vminitd: ignored signal " + std::to_string(number) + " from pid "));
    CHECK(ended.text.ends_with("alive\n"));
}

TEST_CASE("a sender that gives itself out as the process is ignored too", "[fatal]") {
    auto ended = attacked([](pid_t target) {
        siginfo_t forged{};
        forged.si_signo = SIGSEGV;
        forged.si_code = SI_QUEUE;
        forged.si_pid = target;
        ::syscall(SYS_rt_sigqueueinfo, target, SIGSEGV, &forged);
        // A descriptor with another owner: the code of its signal is not that of a sender.
        int ends[2];
        (void)!::pipe(ends);
        ::fcntl(ends[0], F_SETSIG, SIGABRT);
        ::fcntl(ends[0], F_SETOWN, target);
        ::fcntl(ends[0], F_SETFL, O_ASYNC);
        (void)!::write(ends[1], "x", 1);
    });
    CHECK(WEXITSTATUS(ended.status) == 5);
    CHECK(ended.text.ends_with("alive\n"));
}

TEST_CASE("a flood of ignored signals is a line a second", "[fatal]") {
    auto ended = attacked([](pid_t target) {
        for (int i = 0; i < 10000; ++i) ::kill(target, SIGSEGV);
    });
    CHECK(WEXITSTATUS(ended.status) == 5);
    CHECK(count_of(ended.text, "ignored signal") >= 1);
    CHECK(count_of(ended.text, "ignored signal") < 100);
}

TEST_CASE("what the process raises itself ends it", "[fatal]") {
    auto end_itself = GENERATE(+[] { ::abort(); }, +[] { ::raise(SIGTRAP); }, +[] { ::kill(::getpid(), SIGBUS); });
    auto ended = run_in_child(end_itself);
    CHECK(WEXITSTATUS(ended.status) == 77);
    CHECK(ended.text.starts_with("vminitd: fatal signal "));
}

#include "vminit/system/fatal.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <exception>
#include <functional>
#include <string>

#include "vminit/core/syscalls.hpp"
#include "vminit/system/power.hpp"

using namespace vminit::system;

namespace {

struct ended_process {
    int status = 0;
    std::string text;
};

// Runs `act` in a process of its own whose handlers write to a pipe and then end it with 77.
ended_process run_in_child(const std::function<void()>& act) {
    auto pipe = vminit::syscalls::pipe().value();
    pid_t child = ::fork();
    if (child == 0) {
        fatal_options options;
        options.console_fd = pipe.write_end.get();
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

TEST_CASE("a fatal signal from another process is reported with its sender", "[fatal]") {
    int number = GENERATE(SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS);
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

TEST_CASE("the watchdog acts although the process does nothing but sleep", "[fatal]") {
    auto ended = run_in_child([] {
        arm_watchdog(std::chrono::milliseconds(1), [] { ::_exit(55); });
        for (;;) ::pause();
    });
    CHECK(WEXITSTATUS(ended.status) == 55);
}

TEST_CASE("powering off is for PID 1 alone", "[fatal]") {
    REQUIRE(::getpid() != 1);
    power_off_machine();
    kill_all_processes(SIGKILL);
    SUCCEED("still here");
}

// SPDX-License-Identifier: Apache-2.0
#include "system/lone_thread.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/machine_end.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

constexpr struct timespec one_hour{3600, 0};
constexpr struct timespec at_once{0, 1};

// What a lone thread may do: system calls.
void read_byte(void* descriptor) noexcept {
    char byte = 0;
    ::syscall(SYS_read, *static_cast<int*>(descriptor), &byte, 1);
}

int exit_code(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// All but SIGKILL and SIGSTOP, the two that the C library keeps for itself among them.
std::size_t threads_that_block_everything() {
    std::size_t count = 0;
    for (const auto& number : directories_in("/proc/self/task").value()) {
        auto status = read_file("/proc/self/task/" + number + "/status").value();
        if (status.find("SigBlk:\tfffffffffffbfeff") != std::string::npos) ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("a lone thread is waited for no longer than said, and used again when it has ended", "[power]") {
    static lone_thread thread;
    auto gate = syscalls::pipe().value();
    static int descriptor;
    descriptor = gate.read_end.get();
    for (int round = 0; round < 3; ++round) {
        REQUIRE(thread.start(read_byte, &descriptor));
        CHECK_FALSE(thread.start(read_byte, &descriptor));
        CHECK_FALSE(thread.wait(at_once));
        REQUIRE(::write(gate.write_end.get(), "x", 1) == 1);
        CHECK(thread.wait(one_hour));
        CHECK(thread.wait(at_once));
    }
}

TEST_CASE("no signal at all is handled in a lone thread, nor wakes it", "[power]") {
    static lone_thread thread;
    auto gate = syscalls::pipe().value();
    static int descriptor;
    descriptor = gate.read_end.get();
    auto others = threads_that_block_everything();
    REQUIRE(thread.start(read_byte, &descriptor));
    CHECK(threads_that_block_everything() == others + 1);
    REQUIRE(::write(gate.write_end.get(), "x", 1) == 1);
    CHECK(thread.wait(one_hour));
}

TEST_CASE("the watchdog acts although the process does nothing but sleep", "[power]") {
    pid_t child = ::fork();
    if (child == 0) {
        arm_watchdog(1ms, [] { ::_exit(55); });
        for (;;) ::pause();
    }
    CHECK(exit_code(child) == 55);
}

TEST_CASE("more watchdogs than there are threads for act all the same", "[power]") {
    pid_t child = ::fork();
    if (child == 0) {
        for (int i = 0; i < 8; ++i) arm_watchdog(1h, [] { ::_exit(1); });
        arm_watchdog(1ms, [] { ::_exit(55); });
        for (;;) ::pause();
    }
    CHECK(exit_code(child) == 55);
}

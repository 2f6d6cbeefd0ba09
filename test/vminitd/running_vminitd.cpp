// SPDX-License-Identifier: Apache-2.0
#include "running_vminitd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::test {

namespace {

/// Reads what it logs up to the line that says it serves; the rest is thrown away by the kernel when we close.
void wait_until_it_serves(int fd) {
    std::string text;
    char block[4096];
    while (text.find("phase=serve") == std::string::npos) {
        auto count = ::read(fd, block, sizeof block);
        CAPTURE(text);
        REQUIRE(count > 0);
        text.append(block, static_cast<std::size_t>(count));
    }
}

}  // namespace

running_vminitd::running_vminitd(std::vector<std::string> flags) {
    std::vector<std::string> words{VMINIT_VMINITD, "-rpc-address=unix://" + directory_.path("rpc"),
                                   "-stream-address=unix://" + directory_.path("streams"),
                                   "-bundle-root=" + directory_.path("bundles")};
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    auto log = syscalls::pipe();
    REQUIRE(log);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, log->write_end.get(), STDERR_FILENO);
    REQUIRE(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), ::environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    log->write_end.reset();
    wait_until_it_serves(log->read_end.get());
}

running_vminitd::~running_vminitd() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ::close(pidfd_);
    CHECK(status == 0);
}

ttrpc::stream_socket running_vminitd::connect(io_fixture& loop) const {
    auto where = ttrpc::address::parse("unix://" + directory_.path("rpc")).value();
    return loop.run(ttrpc::connect(where, std::chrono::seconds(60))).value();
}

bool running_vminitd::has_stream_port() const { return std::filesystem::is_socket(directory_.path("streams")); }

void running_vminitd::set_limit(__rlimit_resource resource, rlim_t limit) const {
    struct rlimit now{};
    REQUIRE(::prlimit(pid_, resource, nullptr, &now) == 0);
    now.rlim_cur = limit;
    REQUIRE(::prlimit(pid_, resource, &now, nullptr) == 0);
}

void running_vminitd::lift_limit(__rlimit_resource resource) const {
    struct rlimit now{};
    REQUIRE(::prlimit(pid_, resource, nullptr, &now) == 0);
    set_limit(resource, now.rlim_max);
}

std::string running_vminitd::proc(const std::string& name) const {
    return "/proc/" + std::to_string(pid_) + "/" + name;
}

rlim_t running_vminitd::next_descriptor() const {
    rlim_t number = 0;
    while (std::filesystem::is_symlink(proc("fd/" + std::to_string(number)))) ++number;
    return number;
}

rlim_t running_vminitd::used_addresses() const {
    auto pages = read_file(proc("statm"));
    REQUIRE(pages);
    return std::stoul(*pages) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

bool running_vminitd::is_alive() const {
    pollfd watched{pidfd_, POLLIN, 0};
    return ::poll(&watched, 1, 0) == 0;
}

}  // namespace vminit::test

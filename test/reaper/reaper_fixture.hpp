// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::test {

/// A context with a reaper that also gets its descendants' orphans, as PID 1 does.
class reaper_fixture : public io_fixture {
public:
    reaper_fixture() : reaper(asio::use_service<reaper::reaper_service>(ctx)) {
        REQUIRE(reaper.become_subreaper());
        poll();
    }

    static reaper::spawn_options shell(const std::string& script) {
        std::vector<std::string> argv = {"sh", "-c", script};
        return reaper::spawn_options("/bin/sh", std::move(argv));
    }

    reaper::child launch(reaper::spawn_options options) {
        auto started = reaper.launch(std::move(options));
        REQUIRE(started);
        return std::move(*started);
    }

    int exit_of(const reaper::child& process) { return run(process.wait()).value; }

    /// Blocks the test, and the loop, until `pid` is a zombie. Something must keep the zombie: a parent or a hold.
    static void await_death(pid_t pid) {
        unique_fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        REQUIRE(pidfd);
        pollfd entry{pidfd.get(), POLLIN, 0};
        REQUIRE(syscalls::raw("poll", [&] { return ::poll(&entry, 1, -1); }).has_value());
    }

    /// Runs `script` in the background of a shell that ends at once, and returns the orphan's pid.
    pid_t orphan(const std::string& script) {
        auto file = directory.path("pid");
        // exec: a shell might collect its background job, printf never does.
        auto parent = launch(shell("(" + script + ") </dev/null >/dev/null 2>&1 & exec printf %s $! > " + file));
        REQUIRE(exit_of(parent) == 0);
        return std::stoi(read_file(file).value());
    }

    temporary_directory directory;
    reaper::reaper_service& reaper;
};

}  // namespace vminit::test

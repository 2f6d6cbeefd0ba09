// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/late_console.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace vminit::test;

namespace {

/// A pipe stands for the kernel's list: its writer's end is the notice.
struct kernel_without_console : io_fixture {
    kernel_without_console() : tasks(ex(), log()) {
        REQUIRE(::mkfifo(paths.active.c_str(), 0600) == 0);
        auto reader = syscalls::open(paths.active, O_RDONLY | O_NONBLOCK).value();
        notice = syscalls::open(paths.active, O_WRONLY).value();
        tasks.spawn("console", keep(await_console(ctx, paths), console));
    }

    static awaitable<void> keep(awaitable<result<unique_fd>> call, std::optional<result<unique_fd>>& out) {
        auto done = co_await std::move(call);
        out.emplace(std::move(done));
    }

    temporary_directory directory;
    console_paths paths{directory.path("active"), directory.path("console")};
    unique_fd notice;
    std::optional<result<unique_fd>> console;
    task_group tasks;
};

std::atomic<int> opened;

}  // namespace

TEST_CASE("a console that comes later is opened when the kernel tells of it", "[boot]") {
    opened = 0;
    syscalls::set_fault_hook([](std::string_view name) {
        if (name == "open") ++opened;
        return 0;
    });
    kernel_without_console kernel;
    kernel.pump([&] { return opened == 4; });  // two are the test's own, two the list and the console
    CHECK_FALSE(kernel.console);
    REQUIRE(replace_file(kernel.paths.device, "", 0600));
    kernel.notice.reset();
    kernel.pump([&] { return kernel.console.has_value(); });
    syscalls::set_fault_hook({});
    REQUIRE(*kernel.console);
    CHECK((*kernel.console)->get() > 2);
}

TEST_CASE("the wait for a console ends when it is cancelled", "[boot]") {
    kernel_without_console kernel;
    kernel.tasks.stop();
    kernel.run(kernel.tasks.join());
    CHECK_FALSE(kernel.console);
}

TEST_CASE("a kernel that does not tell of its consoles is not waited for", "[boot]") {
    io_fixture io;
    auto found = io.run(await_console(io.ctx, console_paths{"/nonexistent/active", "/nonexistent/console"}));
    REQUIRE_FALSE(found);
    CHECK(syscalls::is_errno(found.error(), ENOENT));
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/system_service.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "system/resume.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct service_fixture : test::io_fixture {
    service_fixture() : service(asio::make_service<system_service>(ctx, config())), tasks(ex(), log()) {}
    ~service_fixture() { syscalls::set_fault_hook(nullptr); }

    // Nothing of the machine's own is within reach.
    system_config config() {
        system_config settings;
        settings.version = "1.2.3";
        settings.kernel_version_file = put("version", "Linux version 6.1.0 (debian) #1 SMP\n");
        settings.sysfs = directory.path("sys");
        settings.mount_table = put("mountinfo", "36 35 0:99 / /run rw - tmpfs tmpfs rw\n");
        settings.cleanup.mount_table = settings.mount_table;
        settings.cleanup.bundles = directory.path("bundles");
        settings.cleanup.temporary = directory.path("tmp");
        return settings;
    }
    std::string put(const std::string& name, const std::string& text) {
        std::ofstream(directory.path(name)) << text;
        return directory.path(name);
    }

    test::temporary_directory directory;
    system_service& service;
    task_group tasks;
};

}  // namespace

TEST_CASE_METHOD(service_fixture, "info tells the build's version and the kernel's without its newline", "[system]") {
    auto version = directory.path("version");
    fs::rename(version, version + ".away");
    CHECK(run(service.info())->kernel_version.empty());
    fs::rename(version + ".away", version);
    auto facts = run(service.info());
    REQUIRE(facts);
    CHECK(facts->version == "1.2.3");
    CHECK(facts->kernel_version == "Linux version 6.1.0 (debian) #1 SMP");
    fs::remove(version);  // read once: a running kernel keeps its version
    CHECK(run(service.info())->kernel_version == facts->kernel_version);
}

TEST_CASE_METHOD(service_fixture, "without ext4 nothing is frozen, and thawing nothing is success", "[system]") {
    auto frozen = run(service.freeze_filesystems());
    REQUIRE(frozen);
    CHECK(frozen->empty());
    CHECK(run(service.thaw_filesystems()));
}

TEST_CASE_METHOD(service_fixture, "a freeze that fails answers internal and leaves nothing frozen", "[system]") {
    // The device number is nobody's, so that nothing of this machine can be frozen.
    put("mountinfo", "36 35 4095:77 / " + directory.path() + " rw - ext4 /dev/vda rw\n");
    auto frozen = run(service.freeze_filesystems());
    REQUIRE_FALSE(frozen);
    CHECK(frozen.error().kind() == errc::internal);
    CHECK(frozen.error().context().starts_with("open " + directory.path() + ": another filesystem is mounted over it"));
    fs::remove(directory.path("mountinfo"));
    CHECK(run(service.freeze_filesystems()).error().kind() == errc::internal);
    CHECK(run(service.thaw_filesystems()));
}

TEST_CASE_METHOD(service_fixture, "a thaw and the clean-up wait behind nothing that hangs", "[system]") {
    auto& pool = asio::use_service<blocking_service>(ctx);
    std::promise<void> gate;
    auto hang = [](blocking_service& where, blocking_lane lane, std::shared_future<void> open) -> awaitable<void> {
        auto job = [open]() -> result<void> {
            open.wait();
            return {};
        };
        (void)co_await where.run(lane, std::move(job));
    };
    auto open = gate.get_future().share();
    for (auto lane : {blocking_lane::mounts, blocking_lane::files, blocking_lane::hotplug, blocking_lane::kernel_writes})
        for (std::size_t i = 0; i <= blocking_service::max_active(lane); ++i) tasks.spawn("hung", hang(pool, lane, open));
    poll();
    CHECK(run(service.thaw_filesystems()));
    run(service.clean_up());
    CHECK(has_line("cleaned up"));
    // A freeze has to wait, and what it waits for may be what the thaw ends.
    bool is_done = false;
    auto freeze = [](system_service& target, bool& done) -> awaitable<void> {
        (void)co_await target.freeze_filesystems();
        done = true;
    };
    tasks.spawn("freeze", freeze(service, is_done));
    poll();
    CHECK_FALSE(is_done);
    CHECK(run(service.thaw_filesystems()));
    gate.set_value();
    pump([&] { return is_done && tasks.size() == 0; });
}

TEST_CASE_METHOD(service_fixture, "clean-up removes, logs what it could not, and never fails", "[system]") {
    fs::create_directories(directory.path("bundles/a"));
    fs::create_directories(directory.path("tmp/b"));
    run(service.clean_up());
    CHECK_FALSE(fs::exists(directory.path("bundles/a")));
    CHECK_FALSE(fs::exists(directory.path("tmp/b")));
    CHECK(has_line("cleaned up"));
    fs::remove(directory.path("mountinfo"));
    run(service.clean_up());
    CHECK(has_line("clean-up incomplete"));
}

TEST_CASE_METHOD(service_fixture, "what a device could not be given is told, one error a step", "[system]") {
    link_settings link;
    link.device = "nosuchdev";
    link.mtu = 1400;
    auto failures = run(service.configure_link(link, false));
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message() == "network device nosuchdev: not found");
    CHECK(failures[0].kind() == errc::not_found);
}

TEST_CASE_METHOD(service_fixture, "resuming sets what the host sent", "[system]") {
    auto untouched = run(service.resume({}));
    REQUIRE(untouched);
    CHECK(untouched->entropy_bytes == 0);
    CHECK(untouched->after - untouched->before < 1h);
    resume_request request;
    request.entropy = std::string(4097, 'x');
    CHECK(run(service.resume(request)).error().message() == "entropy of 4097 bytes is too much: invalid argument");

    // Neither the clock nor the random pool of this machine is to be touched: the calls are made to fail.
    syscalls::set_fault_hook(
        [](std::string_view name) { return name == "clock_settime" || name == "RNDADDENTROPY" ? EPERM : 0; });
    request.entropy.clear();
    request.now = wall_time(1s);
    CHECK(run(service.resume(request)).error().message() == "clock_settime: Operation not permitted");
    request.now.reset();
    request.entropy = "bytes";
    CHECK(run(service.resume(request)).error().message() == "RNDADDENTROPY: Operation not permitted");
}

TEST_CASE("a resumed guest's clock is set or stepped, within reason", "[system]") {
    auto now = wall_time(std::chrono::sys_days(std::chrono::year(2026) / 3 / 1));
    resume_request request;
    CHECK_FALSE(resumed_time(request, now).value().has_value());
    SECTION("set") {
        request.now = now + 1h;
        CHECK(resumed_time(request, now).value() == now + 1h);
        request.now = wall_time(-1ns);
        CHECK(resumed_time(request, now).error().message() == "a time outside 1970 to 2200: invalid argument");
        request.now = wall_time(std::chrono::sys_days(std::chrono::year(2200) / 1 / 1));
        CHECK_FALSE(resumed_time(request, now));
    }
    SECTION("stepped") {
        request.step = -90min;
        CHECK(resumed_time(request, now).value() == now - 90min);
        for (auto step : {clock::duration::max(), clock::duration::min()}) {
            request.step = step;
            CHECK(resumed_time(request, now).error().message() ==
                  "a step to a time outside 1970 to 2200: invalid argument");
        }
    }
    SECTION("both") {
        request.now = now;
        request.step = 1s;
        CHECK(resumed_time(request, now).error().kind() == errc::invalid_argument);
    }
}

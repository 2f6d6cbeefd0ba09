// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/rootfs.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <catch2/catch.hpp>

#include <filesystem>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/timeout.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace std::chrono_literals;
using system::mount_entry;

namespace {

class rootfs_fixture : public test::io_fixture {
public:
    rootfs_fixture() { REQUIRE(make_directories(bundle + "/rootfs", 0750)); }
    ~rootfs_fixture() {
        // So that the directory can be removed whatever the test did.
        for (int i = 9; i >= 0; --i)
            (void)system::unmount_all(bundle + "/mounts/" + std::to_string(i), system::unmount_mode::lazy);
        (void)system::unmount_all(bundle + "/rootfs", system::unmount_mode::lazy);
    }

    result<rootfs_mounts> mount(std::vector<mount_entry> entries) {
        return run(mount_rootfs(ctx, bundle, std::move(entries), resolver));
    }

    std::size_t mounts_in_bundle() const {
        auto table = read_file("/proc/self/mounts").value();
        std::size_t count = 0;
        for (auto at = table.find(bundle); at != std::string::npos; at = table.find(bundle, at + 1)) {
            auto start = table.rfind('\n', at) + 1;
            count += table.substr(start, at - start).find(' ') == at - start - 1 ? 1 : 0;  // the second field
        }
        return count;
    }

    static awaitable<result<std::string>> resolve_none(std::string serial) {
        co_return error(errc::not_found, "resolve block device by serial \"" + serial + "\"");
    }

    test::temporary_directory directory;
    std::string bundle = directory.path("b");
    serial_resolver resolver = resolve_none;
};

bool is_tmpfs(const std::string& path) {
    struct statfs status{};
    return ::statfs(path.c_str(), &status) == 0 && status.f_type == TMPFS_MAGIC;
}

mount_entry tmpfs(std::vector<std::string> options = {}) {
    return mount_entry("tmpfs", "tmpfs", "", std::move(options));
}

}  // namespace

TEST_CASE_METHOD(rootfs_fixture, "a bind of the rootfs onto itself is left alone", "[runc]") {
    std::vector<mount_entry> entries = {mount_entry("bind", bundle + "/rootfs", "", {"rbind"})};
    auto mounted = mount(entries);
    REQUIRE(mounted);
    CHECK(mounted->mount_points.empty());
    CHECK(mounted->resolved == entries);
    CHECK(run(unmount_rootfs(ctx, *mounted)));
}

TEST_CASE_METHOD(rootfs_fixture, "an entry that cannot be prepared fails before anything is mounted", "[runc]") {
    auto [entry, expected] = GENERATE(table<mount_entry, std::string>(
        {{mount_entry("format/tmpfs", "{{ source 0 }}", "", {}),
          "formatting mount source \"{{ source 0 }}\": source pattern: index out of bounds: 0, has 0 active mounts"},
         {mount_entry("mkdir/tmpfs", "tmpfs", "", {"X-containerd.mkdir.path=/etc"}),
          "mkdir path \"/etc\" must be under \"%/mounts\""},
         {mount_entry("tmpfs", "tmpfs", "", {"X-containerd.mkdir.path=/x"}),
          "mount option \"X-containerd.mkdir.path=/x\" needs a mkdir/ type"},
         {mount_entry("ext4", "serial:sbxblk0", "", {}), "resolve block device by serial \"sbxblk0\": not found"}}));
    auto failed = mount({entry});
    REQUIRE_FALSE(failed);
    auto text = expected;
    if (auto at = text.find('%'); at != std::string::npos) text.replace(at, 1, bundle);
    CHECK(failed.error().message() == text);
}

TEST_CASE_METHOD(rootfs_fixture, "an overlay is put together from what was mounted before it", "[.][privileged]") {
    std::vector<std::string> asked;
    resolver = [&](std::string serial) -> awaitable<result<std::string>> {
        asked.push_back(serial);
        return [](std::string name) -> awaitable<result<std::string>> { co_return "device-" + name; }(serial);
    };
    auto mounted = mount({mount_entry("tmpfs", "serial:sbxblk0", "", {"mode=0711"}), tmpfs(),
                          mount_entry("format/mkdir/overlay", "overlay", "",
                                      {"lowerdir={{ mount 0 }}", "upperdir={{ mount 1 }}/upper",
                                       "workdir={{ mount 1 }}/work", "X-containerd.mkdir.path={{ mount 1 }}/upper:0700",
                                       "X-containerd.mkdir.path={{ mount 1 }}/work", "userxattr"})});
    REQUIRE(mounted);
    CHECK(asked == std::vector<std::string>{"sbxblk0"});
    CHECK(mounted->mount_points ==
          std::vector<std::string>{bundle + "/mounts/0", bundle + "/mounts/1", bundle + "/rootfs"});
    CHECK(mounted->resolved ==
          std::vector<mount_entry>{
              mount_entry("tmpfs", "device-sbxblk0", "", {"mode=0711"}), tmpfs(),
              mount_entry("overlay", "overlay", "",
                          {"lowerdir=" + bundle + "/mounts/0", "upperdir=" + bundle + "/mounts/1/upper",
                           "workdir=" + bundle + "/mounts/1/work", "userxattr"})});
    REQUIRE(replace_file(bundle + "/rootfs/new", "x", 0600));
    CHECK(std::filesystem::exists(bundle + "/mounts/1/upper/new"));
    struct stat status{};
    REQUIRE(::stat((bundle + "/mounts/1/upper").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
    CHECK(mounts_in_bundle() == 3);
    CHECK(run(unmount_rootfs(ctx, *mounted)));
    CHECK(mounts_in_bundle() == 0);
    CHECK(run(unmount_rootfs(ctx, *mounted)));  // nothing there is no error
}

TEST_CASE_METHOD(rootfs_fixture, "the first entry may want directories, too", "[.][privileged]") {
    auto source = bundle + "/mounts/data/deep";
    auto mounted = mount({mount_entry("mkdir/bind", source, "", {"rbind", "X-containerd.mkdir.path=" + source})});
    REQUIRE(mounted);
    REQUIRE(replace_file(bundle + "/rootfs/new", "x", 0600));
    CHECK(std::filesystem::exists(source + "/new"));
    CHECK(run(unmount_rootfs(ctx, *mounted)));
}

TEST_CASE_METHOD(rootfs_fixture, "a failure takes down what was mounted", "[.][privileged]") {
    auto failed = mount({tmpfs(), tmpfs(), mount_entry("nosuchfs", "x", "", {})});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message() == "mount " + bundle + "/rootfs: No such device");
    CHECK(mounts_in_bundle() == 0);
}

TEST_CASE_METHOD(rootfs_fixture, "a read-only bind is read-only", "[.][privileged]") {
    REQUIRE(make_directories(directory.path("source"), 0755));
    auto mounted = mount({mount_entry("bind", directory.path("source"), "", {"bind", "ro"})});
    REQUIRE(mounted);
    CHECK_FALSE(replace_file(bundle + "/rootfs/x", "", 0600));
    CHECK(replace_file(directory.path("source/x"), "", 0600));
    CHECK(run(unmount_rootfs(ctx, *mounted)));
}

TEST_CASE_METHOD(rootfs_fixture, "a sub-path target is the mount point that is taken down", "[.][privileged]") {
    REQUIRE(make_directories(bundle + "/rootfs/sub", 0755));
    auto mounted = mount({mount_entry("tmpfs", "tmpfs", "sub", {})});
    REQUIRE(mounted);
    CHECK(mounted->mount_points == std::vector<std::string>{bundle + "/rootfs/sub"});
    CHECK(is_tmpfs(bundle + "/rootfs/sub"));
    CHECK(run(unmount_rootfs(ctx, *mounted)));
    CHECK(mounts_in_bundle() == 0);
}

TEST_CASE_METHOD(rootfs_fixture, "a caller that is cancelled leaves nothing mounted", "[.][privileged]") {
    bool resolving = false;
    auto waiting = [](bool& flag) -> awaitable<result<std::string>> {
        flag = true;
        co_await sleep_for(1h);
        co_return std::string();
    };
    resolver = [&](std::string) { return waiting(resolving); };
    std::optional<result<rootfs_mounts>> outcome;
    auto mounting = [](rootfs_fixture& fixture, std::optional<result<rootfs_mounts>>& out) -> awaitable<void> {
        std::vector<mount_entry> entries = {tmpfs(), mount_entry("ext4", "serial:a", "", {})};
        auto done = co_await mount_rootfs(fixture.ctx, fixture.bundle, std::move(entries), fixture.resolver);
        out.emplace(std::move(done));
    };
    task_group tasks(ex(), log());
    tasks.spawn("mount", mounting(*this, outcome));
    pump([&] { return resolving; });
    CHECK(mounts_in_bundle() == 1);
    tasks.stop();
    pump([&] { return outcome.has_value(); });
    CHECK(outcome->error().kind() == errc::cancelled);
    CHECK(mounts_in_bundle() == 0);
    run(tasks.join());
}

TEST_CASE("a busy filesystem is tried again, then taken out of the tree", "[.][privileged]") {
    manual_time time;
    rootfs_fixture fixture;
    auto mounted = fixture.mount({tmpfs()}).value();
    auto user = syscalls::open(fixture.bundle + "/rootfs", O_RDONLY | O_DIRECTORY).value();
    std::optional<result<void>> outcome;
    auto unmounting = [](rootfs_fixture& where, rootfs_mounts mounts,
                         std::optional<result<void>>& out) -> awaitable<void> {
        auto done = co_await unmount_rootfs(where.ctx, std::move(mounts));
        out.emplace(std::move(done));
    };
    task_group tasks(fixture.ex(), fixture.log());
    tasks.spawn("unmount", unmounting(fixture, mounted, outcome));
    bool gives_up = GENERATE(true, false);
    auto start = clock::now();
    fixture.pump([&] {
        bool has_waited = clock::now() - start >= 1s;
        if (has_waited && !gives_up) user.reset();
        time.advance(50ms);
        return outcome.has_value();
    });
    CHECK(*outcome);
    CHECK(fixture.mounts_in_bundle() == 0);
    if (gives_up) CHECK(clock::now() - start >= 2500ms);
    fixture.run(tasks.join());
}

TEST_CASE_METHOD(rootfs_fixture, "a lazy unmount does not wait for users", "[.][privileged]") {
    auto mounted = mount({tmpfs()}).value();
    auto user = syscalls::open(bundle + "/rootfs", O_RDONLY | O_DIRECTORY).value();
    CHECK(run(unmount_rootfs(ctx, mounted, system::unmount_mode::lazy)));
    CHECK(mounts_in_bundle() == 0);
}

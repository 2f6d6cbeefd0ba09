// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>
#include <thread>

#include "process/failing_call.hpp"
#include "process/process_fixture.hpp"
#include "vminit/core/blocking.hpp"

using namespace vminit;
using namespace std::chrono_literals;
using namespace vminit::process;
using namespace vminit::test;
using system::mount_entry;

namespace {

/// Where something is mounted at or below `directory`.
std::vector<std::string> mounts_below(const std::string& directory) {
    std::vector<std::string> found;
    std::istringstream table(read_file("/proc/self/mounts").value());
    for (std::string source, place, rest; table >> source >> place && std::getline(table, rest);) {
        if (place.starts_with(directory + "/")) found.push_back(place);
    }
    return found;
}

/// A lower tmpfs, and a bind of its directory as the rootfs.
std::vector<mount_entry> two_mounts() {
    std::vector<mount_entry> entries;
    entries.emplace_back("tmpfs", "tmpfs", "", std::vector<std::string>{"mode=0755"});
    entries.emplace_back("format/mkdir/bind", "{{ mount 0 }}/root", "",
                         std::vector<std::string>{"rbind", "X-containerd.mkdir.path={{ mount 0 }}/root"});
    return entries;
}

bool has_options_file(const create_request& request) {
    return std::filesystem::exists(request.bundle + "/options.json");
}

}  // namespace

TEST_CASE("a rootfs that cannot be prepared fails the create with its own words", "[process]") {
    process_fixture fixture;
    auto request = fixture.request("web", {"exit", "0"});
    auto [entry, expected] = GENERATE(table<mount_entry, std::string>(
        {{mount_entry("format/bind", "{{ mount 3 }}", "", {}),
          "formatting mount source \"{{ mount 3 }}\": mount pattern: index out of bounds: 3, has 0 active mounts"},
         {mount_entry("ext4", "serial:sbxblk0", "", {}), "resolve block device by serial \"sbxblk0\": not found"},
         {mount_entry("mkdir/bind", "/", "", {"X-containerd.mkdir.path=/etc"}),
          "mkdir path \"/etc\" must be under "}}));
    request.rootfs = {entry};
    auto failed = fixture.run(fixture.processes.create(request));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message().substr(0, expected.size()) == expected);
    CHECK(fixture.fake.calls().empty());
    CHECK_FALSE(has_options_file(request));
    CHECK(fixture.processes.container_count() == 0);
    request.rootfs.clear();
    REQUIRE(fixture.run(fixture.processes.create(request)));
}

namespace {

std::shared_future<void>* dead_disk = nullptr;
std::atomic<int> hung_mounts = 0;

int hang_in_mount(std::string_view name) {
    if (name != "mount") return 0;
    ++hung_mounts;
    dead_disk->wait();
    return EIO;
}

awaitable<void> keep(awaitable<result<std::uint32_t>> creating, std::optional<result<std::uint32_t>>& out) {
    auto done = co_await std::move(creating);
    out.emplace(std::move(done));
}

}  // namespace

TEST_CASE("mounts that hang cost their own creates only, and no longer than the limit", "[process]") {
    process_fixture fixture;
    fixture.run_container("other", {"sleep", "1000"});
    REQUIRE(fixture.create("later", {"exit", "0"}));
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    dead_disk = &passed;
    hung_mounts = 0;
    syscalls::set_fault_hook(hang_in_mount);
    constexpr std::size_t creates = blocking_service::max_active(blocking_lane::mounts) + 1;
    std::vector<std::optional<result<std::uint32_t>>> outcomes(creates);
    create_request request;
    {
        manual_time time;
        for (std::size_t i = 0; i < creates; ++i) {
            request = fixture.request("hung" + std::to_string(i), {"exit", "0"});
            request.rootfs.emplace_back("tmpfs", "tmpfs", "", std::vector<std::string>{});
            fixture.tasks->spawn("create", keep(fixture.processes.create(request), outcomes[i]));
        }
        fixture.poll();
        while (hung_mounts < 4) fixture.poll();
        time.advance(process_limits().mount - 1s);
        fixture.poll();
        CHECK_FALSE(outcomes[0]);
        time.advance(1s);
        fixture.pump([&] { return std::all_of(outcomes.begin(), outcomes.end(), [](auto& one) { return !!one; }); });
    }
    CHECK(outcomes[0]->error().message() == "mounting the rootfs: context deadline exceeded");
    // The others go on, and the ids are free, while the kernel still holds on to the mounts.
    REQUIRE(fixture.start("later"));
    CHECK(fixture.wait("later")->status == 0);
    REQUIRE(fixture.kill("other", "", SIGKILL));
    CHECK(fixture.wait("other"));
    CHECK(fixture.create("hung0", {"exit", "0"}));
    CHECK(fixture.status("hung0") == process_status::created);
    gate.set_value();
    auto& pool = asio::use_service<blocking_service>(fixture.ctx);
    while (pool.counters(blocking_lane::mounts).running > 0) std::this_thread::yield();
    syscalls::set_fault_hook(nullptr);
}

TEST_CASE("a create that ends in an exception is undone like any other", "[process]") {
    process_options options;
    bool is_memory = GENERATE(false, true);
    options.config.resolve_serial = [is_memory](std::string) -> awaitable<result<std::string>> {
        if (is_memory) throw std::bad_alloc();
        throw std::logic_error("a bug");
    };
    process_fixture fixture(std::move(options));
    auto request = fixture.request("web", {"exit", "0"});
    request.rootfs.emplace_back("ext4", "serial:x", "", std::vector<std::string>{});
    CHECK(fixture.run(fixture.processes.create(request)).error().message() ==
          (is_memory ? "no memory: resource exhausted" : "a bug: internal"));
    CHECK_FALSE(has_options_file(request));
    CHECK(fixture.processes.container_count() == 0);
}

TEST_CASE("the pipes are given to the container's user, or the create fails", "[process]") {
    process_fixture fixture;
    auto out = fixture.read(fixture.open_stream(1));
    auto request = fixture.request("web", {"exit", "0"}, {"", "stream://1", "", false});
    request.options.io_uid = 1000;
    request.options.io_gid = 1000;
    {
        failing_call no_chown("fchown", EPERM);
        auto failed = fixture.run(fixture.processes.create(request));
        CHECK(failed.error().kind() == errc::permission_denied);
        CHECK(failed.error().message().find("failed to create init process I/O: ") == 0);
    }
    fixture.pump([&] { return out->has_ended; });
    CHECK(fixture.fake.calls().empty());
    auto other = fixture.read(fixture.open_stream(1));
    request.options = {};
    failing_call no_chown("fchown", EPERM);
    CHECK(fixture.run(fixture.processes.create(request)));
}

TEST_CASE("whatever step fails after the mounts, they are taken down", "[.][privileged]") {
    process_fixture fixture;
    auto request = fixture.request("web", {"sleep", "1000"});
    request.rootfs = two_mounts();
    auto out = fixture.read(fixture.open_stream(1));
    SECTION("stdio") { request.stdio.out = "stream://7"; }
    SECTION("the runtime") { fixture.fake.set_fault("create", R"({"fault": "error", "message": "no"})"); }
    SECTION("no pid file") { fixture.fake.set_fault("create", R"({"fault": "no-pid-file"})"); }
    SECTION("a pid of somebody else") { fixture.fake.set_fault("create", R"({"fault": "pid-file", "content": "0"})"); }
    SECTION("the second mount") { request.rootfs.at(1).options = {"rbind"}; }
    CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    CHECK(mounts_below(request.bundle).empty());
    CHECK_FALSE(has_options_file(request));
    CHECK(fixture.heard.empty());
}

TEST_CASE("TaskCreate shows the mounts as they were made, and Delete undoes them", "[.][privileged]") {
    std::vector<std::string> ready;
    process_options options;
    options.config.on_rootfs_mounted = [&](const std::string& id, const std::string& rootfs) {
        ready.push_back(id + " " + rootfs);
    };
    process_fixture fixture(std::move(options));
    auto request = fixture.request("web", {"exit", "0"});
    request.rootfs = two_mounts();
    auto heard = fixture.exchange.subscribe();
    REQUIRE(fixture.run(fixture.processes.create(request)));
    auto event = fixture.run(heard.next()).value();
    const auto& created = std::get<events::task_create>(event->event);
    REQUIRE(created.rootfs.size() == 2);
    CHECK(created.rootfs.at(1).type == "bind");
    CHECK(created.rootfs.at(1).source == request.bundle + "/mounts/0/root");
    CHECK(created.rootfs.at(1).options == std::vector<std::string>{"rbind"});
    CHECK(ready == std::vector<std::string>{"web " + request.bundle + "/rootfs"});
    CHECK(mounts_below(request.bundle) == lines{request.bundle + "/mounts/0", request.bundle + "/rootfs"});
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
    CHECK(mounts_below(request.bundle).empty());
}

TEST_CASE("a rootfs that cannot be unmounted fails the Delete, which can be repeated", "[.][privileged]") {
    process_fixture fixture;
    auto request = fixture.request("web", {"exit", "4"});
    request.rootfs = two_mounts();
    REQUIRE(fixture.run(fixture.processes.create(request)));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.wait("web"));
    {
        failing_call no_unmount("unmount", EIO);
        CHECK(fixture.remove("web").error().message().find("failed rootfs umount: ") == 0);
    }
    CHECK(fixture.status("web") == process_status::stopped);
    CHECK(fixture.remove("web").value().status == 4);
    CHECK(mounts_below(request.bundle).empty());
}

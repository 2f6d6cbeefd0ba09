// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>

#include <atomic>
#include <thread>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

// What a failed Create takes along, and what it leaves.

namespace {

namespace fs = std::filesystem;

process_options with_own_bundles() {
    process_options options;
    options.bundles_are_ours = true;
    return options;
}

void write(const std::string& path) {
    fs::create_directories(fs::path(path).parent_path());
    REQUIRE(replace_file(path, "theirs", 0600));
}

std::thread::id loop_thread;
std::atomic<int> calls_on_loop = 0, calls_in_jobs = 0;

// Of the calls that only a bundle is touched with.
int note_thread(std::string_view name) {
    if (name != "rename" && name != "unlink" && name != "chmod") return 0;
    ++(std::this_thread::get_id() == loop_thread ? calls_on_loop : calls_in_jobs);
    return 0;
}

}  // namespace

TEST_CASE("a failed create takes its bundle along, so that the id works again", "[process]") {
    process_fixture fixture(with_own_bundles());
    fixture.run_container("other", {"sleep", "1000"});
    auto request = fixture.request("web", {"sleep", "1000"});
    SECTION("the runtime refuses") {
        fixture.fake.set_fault("create", R"({"fault": "error", "message": "no"})");
        CHECK(fixture.run(fixture.processes.create(request)).error().message() == "OCI runtime create failed: no");
    }
    SECTION("stdio cannot be opened") {
        request.stdio.out = "stream://7";
        CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    }
    SECTION("a mount cannot be made") {
        request.rootfs.emplace_back("ext4", "serial:x", "", std::vector<std::string>{});
        CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    }
    SECTION("its runtime root is none") {
        request.options.root = "run";
        CHECK(fixture.run(fixture.processes.create(request)).error().message() ==
              "runtime root \"run\": not an absolute path: invalid argument");
    }
    SECTION("its id is taken by a container with another bundle") {
        request.id = "other";
        CHECK(fixture.run(fixture.processes.create(request)).error().kind() == errc::already_exists);
    }
    SECTION("the request made no sense") { fixture.run(fixture.processes.drop_bundle(request.bundle)); }
    CHECK_FALSE(fs::exists(request.bundle));
    CHECK(fs::exists(fixture.fake.bundle("other")));
    REQUIRE(fixture.create("web", {"exit", "0"}));
}

TEST_CASE("two hundred failed creates leave the bundles as they were", "[process]") {
    process_fixture fixture(with_own_bundles());
    auto before = open_descriptors();
    for (int i = 0; i < 200; ++i) {
        auto request = fixture.request("web" + std::to_string(i), {"exit", "0"}, {"", "stream://7", "", false});
        CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    }
    CHECK(fs::is_empty(fs::path(fixture.fake.bundle("x")).parent_path()));
    CHECK(open_descriptors() == before);
}

TEST_CASE("a bundle that Bundle.Create did not make is never removed", "[process]") {
    process_fixture fixture;
    auto request = fixture.request("web", {"sleep", "1000"});
    fixture.fake.set_fault("create", R"({"fault": "error", "message": "no"})");
    CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    request.options.root = "run";
    CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    CHECK(fs::exists(request.bundle + "/config.json"));
    CHECK_FALSE(fs::exists(request.bundle + "/options.json"));
}

TEST_CASE("a bundle in use is refused to others and stays with its container", "[process]") {
    process_fixture fixture(with_own_bundles());
    fixture.run_container("web", {"sleep", "1000"});
    auto request = fixture.request("other", {"exit", "0"});
    request.bundle = fixture.fake.bundle("web");
    CHECK(fixture.run(fixture.processes.create(request)).error().message() ==
          "bundle " + request.bundle + " is used by container web: failed precondition");
    request.id = "web";
    CHECK(fixture.run(fixture.processes.create(request)).error().message() ==
          "container web already exists: already exists");
    fixture.run(fixture.processes.drop_bundle(request.bundle));
    CHECK(fs::exists(request.bundle + "/options.json"));
    CHECK(fixture.status("web") == process_status::running);
}

TEST_CASE("a bundle that is gone is named", "[process]") {
    process_fixture fixture(with_own_bundles());
    auto request = fixture.request("web", {"exit", "0"});
    fs::remove_all(request.bundle);
    CHECK(fixture.run(fixture.processes.create(request)).error().message() ==
          "bundle " + request.bundle + ": not found");
    CHECK(fixture.remove("web").error().message() == "container not created: not found");
    REQUIRE(fixture.create("web", {"exit", "0"}));
}

TEST_CASE("what was in the runtime's root before is not removed by a failed create", "[process]") {
    process_fixture fixture;
    auto root = fixture.fake.path("shared");
    write(root + "/web/keep");
    auto request = fixture.request("web", {"sleep", "1000"});
    request.options.root = root;
    CHECK(fixture.run(fixture.processes.create(request)).error().message().starts_with(
        "OCI runtime create failed: container `web` already exists"));
    CHECK(fs::exists(root + "/web/keep"));
    // Nor is the runtime told to delete it: it may be a container of somebody else's.
    CHECK(fixture.fake.calls("delete").empty());
    CHECK(fixture.processes.container_count() == 0);
}

TEST_CASE("what a killed runtime left of its state is removed, but not through a mount", "[.][privileged]") {
    process_fixture fixture;
    auto data = fixture.fake.path("data");
    write(data + "/keep");
    auto request = fixture.request("web", {"sleep", "1000"});
    fixture.fake.set_fault("create", R"({"fault": "leave-state", "source": ")" + data + "\"}");
    CHECK_FALSE(fixture.run(fixture.processes.create(request)));
    CHECK(fs::exists(data + "/keep"));
    CHECK_FALSE(fs::exists(fixture.fake.root() + "/web/status"));
    CHECK(fixture.has_line("runtime state left"));
    CHECK(::umount2((fixture.fake.root() + "/web/mount").c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a bundle is touched on the loop only where it waits for no disk", "[process]") {
    bool is_in_memory = GENERATE(false, true);
    process_options options;
    options.bundles_are_in_memory = is_in_memory;
    process_fixture fixture(std::move(options));
    auto web = fixture.request("web", {"sleep", "1000"});
    auto other = fixture.request("other", {"sleep", "1000"});
    loop_thread = std::this_thread::get_id();
    calls_on_loop = calls_in_jobs = 0;
    syscalls::set_fault_hook(note_thread);
    REQUIRE(fixture.run(fixture.processes.create(web)));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.add_exec("web", "e", {"exit", "3"}));
    REQUIRE(fixture.start("web", "e"));
    CHECK(fixture.wait("web", "e").value().status == 3);
    REQUIRE(fixture.remove("web", "e"));
    syscalls::set_fault_hook(nullptr);
    fixture.fake.set_fault("create", R"({"fault": "error", "message": "no"})");
    syscalls::set_fault_hook(note_thread);
    CHECK_FALSE(fixture.run(fixture.processes.create(other)));
    syscalls::set_fault_hook(nullptr);
    CHECK((calls_on_loop == 0) == !is_in_memory);
    CHECK((calls_in_jobs == 0) == is_in_memory);
}

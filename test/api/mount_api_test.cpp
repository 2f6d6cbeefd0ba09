// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/mount_api.hpp"

#include <sys/mount.h>

#include <filesystem>

#include "api/api_fixture.hpp"
#include "github.com/containerd/nerdbox/api/services/mount/v1/mount.ttrpc.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;
namespace wire = containerd::vminitd::services::mount::v1;
namespace fs = std::filesystem;

namespace {

struct mounts_fixture : api_fixture {
    mounts_fixture() { server().add(api::make_mount_api(ctx)); }

    struct wish {
        std::string type, target;
        std::vector<std::string> options = {};
    };

    template <class Response>
    static std::string verdict(const result<Response>& answer) {
        if (answer) return "ok";
        return std::to_string(static_cast<int>(answer.error().kind())) + " " + answer.error().message();
    }

    std::string mount(const std::vector<wish>& wishes) {
        wire::MountAllRequest request;
        for (const auto& one : wishes) {
            auto& spec = *request.add_mounts();
            spec.set_type(one.type);
            spec.set_source("none");
            spec.set_target(one.target);
            for (const auto& option : one.options) spec.add_options(option);
        }
        return verdict(run(wire::MountClient(rpc()).MountAll(std::move(request))));
    }
    std::string unmount(const std::string& target) {
        wire::UnmountRequest request;
        request.set_target(target);
        return verdict(run(wire::MountClient(rpc()).Unmount(std::move(request))));
    }
    std::string unmount_all() { return verdict(run(wire::MountClient(rpc()).UnmountAll(wire::UnmountAllRequest()))); }

    std::size_t mounted() const {
        auto table = read_file("/proc/self/mountinfo").value();
        std::size_t count = 0;
        for (auto at = table.find(dir.path()); at != std::string::npos; at = table.find(dir.path(), at + 1)) ++count;
        return count;
    }

    temporary_directory dir;
};

}  // namespace

TEST_CASE_METHOD(mounts_fixture, "a target of a mount is an absolute path", "[api]") {
    auto target = GENERATE(as<std::string>{}, "", "/", "mnt", std::string("/a\0b", 4));
    CHECK(mount({{"tmpfs", target}}).starts_with("3 "));
}

TEST_CASE_METHOD(mounts_fixture, "what was not mounted by it is not unmounted", "[api]") {
    CHECK(unmount("/proc") == "5 cannot unmount /proc: not found");
    CHECK(unmount_all() == "ok");
}

TEST_CASE_METHOD(mounts_fixture, "mounts of the VM come and go", "[.][privileged]") {
    auto deep = dir.path("a/b"), below = dir.path("a/b/c");
    CHECK(mount({{"tmpfs", deep, {"size=64k"}}, {"tmpfs", below}}) == "ok");
    CHECK(mounted() == 2);
    CHECK(mount({{"tmpfs", deep, {"size=64k"}}}) == "ok");
    CHECK(mounted() == 2);
    CHECK(mount({{"tmpfs", deep, {"size=128k"}}}) == "6 " + deep + " is mounted in another way: already exists");
    SECTION("one by one") {
        CHECK(unmount(below) == "ok");
        CHECK(mounted() == 1);
        CHECK(unmount(deep) == "ok");
        CHECK(unmount(deep).starts_with("5 "));
    }
    SECTION("at once") { CHECK(unmount_all() == "ok"); }
    SECTION("by somebody else") {
        REQUIRE(::umount2(below.c_str(), 0) == 0);
        CHECK(mount({{"tmpfs", below, {"ro"}}}) == "ok");
        CHECK(unmount_all() == "ok");
    }
    CHECK(mounted() == 0);
}

TEST_CASE_METHOD(mounts_fixture, "of mounts that fail nothing is left, and what was there stays", "[.][privileged]") {
    CHECK(mount({{"tmpfs", dir.path("kept")}}) == "ok");
    auto failed = mount({{"tmpfs", dir.path("kept")}, {"tmpfs", dir.path("new")}, {"nosuchfs", dir.path("bad")}});
    CHECK(failed.find("mount " + dir.path("bad")) != std::string::npos);
    CHECK(mounted() == 1);
    CHECK(unmount(dir.path("new")).starts_with("5 "));
    CHECK(unmount_all() == "ok");
}

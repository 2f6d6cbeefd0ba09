#include "system/freezer.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <map>

using namespace vminit;
using namespace vminit::system;

namespace {

// Which filesystems are frozen, and the errno that freezing or thawing one of them gives.
struct fake_filesystems {
    std::map<std::string, int> freeze_errors;
    std::map<std::string, int> thaw_errors;
    std::vector<std::string> log;
};
fake_filesystems machine;

error errno_of(const char* what, const std::string& point, int value) {
    return error(error_code(value, boost::system::system_category()), what + point);
}

result<unique_fd> fake_freeze(const mount_info& mount) {
    machine.log.push_back("freeze " + mount.mount_point);
    int value = machine.freeze_errors[mount.mount_point];
    if (value != 0) return errno_of("FIFREEZE ", mount.mount_point, value);
    return unique_fd();
}

result<void> fake_thaw(const frozen_filesystem& filesystem) {
    machine.log.push_back("thaw " + filesystem.mount_point);
    int value = machine.thaw_errors[filesystem.mount_point];
    if (value != 0) return errno_of("FITHAW ", filesystem.mount_point, value);
    return {};
}

constexpr freeze_operations fake{fake_freeze, fake_thaw};

mount_info mount_of(std::string point, dev_t device, std::string type = "ext4", std::string super = "rw") {
    mount_info mount;
    mount.mount_point = std::move(point);
    mount.device = device;
    mount.type = std::move(type);
    mount.options = "rw";
    mount.super_options = std::move(super);
    return mount;
}

std::vector<std::string> points(const std::vector<frozen_filesystem>& list) {
    std::vector<std::string> names;
    for (const auto& item : list) names.push_back(item.mount_point);
    return names;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("writable ext4 filesystems are frozen once each, in mount order", "[freeze]") {
    auto chosen =
        freezable_mounts({mount_of("/run", 1, "tmpfs"), mount_of("/b", 2), mount_of("/a", 3), mount_of("/b2", 2),
                          mount_of("/ro", 4, "ext4", "ro,errors=continue"), mount_of("/x", 5, "xfs")});
    REQUIRE(chosen.size() == 2);
    CHECK(chosen[0].mount_point == "/b");
    CHECK(chosen[1].mount_point == "/a");
}

TEST_CASE("a writable filesystem whose first mount is read-only is frozen as well", "[freeze]") {
    auto mount = mount_of("/a", 3);
    mount.options = "ro,relatime";
    CHECK(freezable_mounts({mount}).size() == 1);
}

TEST_CASE("freezing again answers the same and touches nothing", "[freeze]") {
    machine = {};
    auto first = freeze({mount_of("/a", 1), mount_of("/b", 2)}, {}, fake);
    REQUIRE(first.status);
    CHECK(first.mount_points == names{"/a", "/b"});
    CHECK(points(first.frozen) == names{"/a", "/b"});
    machine.log.clear();
    auto second = freeze({mount_of("/a", 1), mount_of("/b", 2), mount_of("/c", 3)}, std::move(first.frozen), fake);
    REQUIRE(second.status);
    CHECK(machine.log == names{"freeze /c"});
    CHECK(second.mount_points == names{"/a", "/b", "/c"});
    CHECK(points(second.frozen) == names{"/a", "/b", "/c"});
}

TEST_CASE("a failure thaws what this call froze, and nothing that was frozen before", "[freeze]") {
    machine = {};
    auto held = freeze({mount_of("/a", 1)}, {}, fake).frozen;
    machine.log.clear();
    machine.freeze_errors["/c"] = EBUSY;
    auto failed = freeze({mount_of("/a", 1), mount_of("/b", 2), mount_of("/c", 3)}, std::move(held), fake);
    REQUIRE_FALSE(failed.status);
    CHECK(failed.status.error().message() == "FIFREEZE /c: Device or resource busy: internal");
    CHECK(failed.status.error().kind() == errc::internal);
    CHECK(machine.log == names{"freeze /b", "freeze /c", "thaw /b"});
    CHECK(points(failed.frozen) == names{"/a"});
    CHECK(failed.mount_points.empty());
}

TEST_CASE("what does not thaw after a failed freeze stays on the list", "[freeze]") {
    machine = {};
    machine.freeze_errors["/b"] = EIO;
    machine.thaw_errors["/a"] = EIO;
    auto failed = freeze({mount_of("/a", 1), mount_of("/b", 2)}, {}, fake);
    CHECK_FALSE(failed.status);
    CHECK(points(failed.frozen) == names{"/a"});
}

TEST_CASE("thawing tries all, keeps what failed and tells the first error", "[freeze]") {
    machine = {};
    auto held = freeze({mount_of("/a", 1), mount_of("/b", 2), mount_of("/c", 3)}, {}, fake).frozen;
    machine.thaw_errors = {{"/a", EIO}, {"/b", EINVAL}};
    auto first = thaw(std::move(held), fake);
    REQUIRE_FALSE(first.status);
    CHECK(first.status.error().message() == "FITHAW /a: Input/output error: internal");
    CHECK(points(first.still_frozen) == names{"/a"});
    machine.thaw_errors.clear();
    auto second = thaw(std::move(first.still_frozen), fake);
    CHECK(second.status);
    CHECK(second.still_frozen.empty());
    CHECK(thaw({}, fake).status);
}

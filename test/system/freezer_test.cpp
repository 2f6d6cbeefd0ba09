// SPDX-License-Identifier: Apache-2.0
#include "system/freezer.hpp"

#include <sys/sysmacros.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <future>
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

std::vector<std::string> points(const std::vector<mount_info>& list) {
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

TEST_CASE("what lies in a loop device is frozen before what may hold its file", "[freeze]") {
    const dev_t loop = makedev(7, 1);
    CHECK(points(freezing_order({mount_of("/a", 1), mount_of("/b", 2)})) == names{"/b", "/a"});
    // Its outer filesystem was first mounted elsewhere.
    CHECK(points(freezing_order({mount_of("/inner", loop), mount_of("/outer", 2)})) == names{"/inner", "/outer"});
    machine = {};
    frozen_set set(fake);
    REQUIRE(set.freeze({mount_of("/outer", 2), mount_of("/inner", loop)}));
    REQUIRE(set.thaw());
    CHECK(machine.log == names{"freeze /inner", "freeze /outer", "thaw /outer", "thaw /inner"});
}

TEST_CASE("freezing again answers the same and touches nothing", "[freeze]") {
    machine = {};
    frozen_set set(fake);
    CHECK(set.freeze({mount_of("/a", 1), mount_of("/b", 2)}).value() == names{"/a", "/b"});
    CHECK(set.size() == 2);
    machine.log.clear();
    auto second = set.freeze({mount_of("/a", 1), mount_of("/b", 2), mount_of("/c", 3)});
    CHECK(second.value() == names{"/a", "/b", "/c"});
    CHECK(machine.log == names{"freeze /c"});
    CHECK(set.size() == 3);
}

TEST_CASE("a failure thaws what this call froze, and nothing that was frozen before", "[freeze]") {
    machine = {};
    frozen_set set(fake);
    REQUIRE(set.freeze({mount_of("/a", 1)}));
    machine.log.clear();
    machine.freeze_errors["/b"] = EBUSY;
    auto failed = set.freeze({mount_of("/a", 1), mount_of("/b", 2), mount_of("/c", 3)});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message() == "FIFREEZE /b: Device or resource busy: internal");
    CHECK(failed.error().kind() == errc::internal);
    CHECK(machine.log == names{"freeze /c", "freeze /b", "thaw /c"});
    CHECK(set.size() == 1);
}

TEST_CASE("what does not thaw after a failed freeze stays on the list", "[freeze]") {
    machine = {};
    machine.freeze_errors["/a"] = EIO;
    machine.thaw_errors["/b"] = EIO;
    frozen_set set(fake);
    CHECK_FALSE(set.freeze({mount_of("/a", 1), mount_of("/b", 2)}));
    CHECK(set.size() == 1);
}

TEST_CASE("thawing tries all, keeps what failed and tells the first error", "[freeze]") {
    machine = {};
    frozen_set set(fake);
    REQUIRE(set.freeze({mount_of("/a", 1), mount_of("/b", 2), mount_of("/c", 3)}));
    machine.thaw_errors = {{"/a", EIO}, {"/b", EINVAL}};
    auto first = set.thaw();
    REQUIRE_FALSE(first);
    CHECK(first.error().message() == "FITHAW /a: Input/output error: internal");
    CHECK(set.size() == 1);
    machine.thaw_errors.clear();
    CHECK(set.thaw());
    CHECK(set.size() == 0);
    CHECK(set.thaw());
}

namespace {

// The freeze of /slow hangs until it is let go.
struct slow_freeze {
    std::promise<void> entered;
    std::promise<void> go;
};
slow_freeze* slow = nullptr;

result<unique_fd> freeze_slowly(const mount_info& mount) {
    if (mount.mount_point == "/slow") {
        slow->entered.set_value();
        slow->go.get_future().wait();
    }
    return unique_fd();
}

std::atomic<int> thawed = 0;
result<void> count_thaw(const frozen_filesystem&) {
    ++thawed;
    return {};
}

}  // namespace

TEST_CASE("a thaw while a freeze hangs thaws what is frozen, and the freeze then undoes itself", "[freeze]") {
    slow_freeze hanging;
    slow = &hanging;
    thawed = 0;
    frozen_set set(freeze_operations{freeze_slowly, count_thaw});
    auto freezing = std::async(std::launch::async, [&] {
        return set.freeze({mount_of("/after", 3), mount_of("/slow", 2), mount_of("/before", 1)});
    });
    hanging.entered.get_future().wait();
    CHECK(set.size() == 1);
    CHECK(set.thaw());
    CHECK(set.size() == 0);
    CHECK(thawed == 1);
    hanging.go.set_value();
    auto outcome = freezing.get();
    CHECK(outcome.error().message() == "FIFREEZE /slow: thawed meanwhile: internal");
    CHECK(set.size() == 0);
    CHECK(thawed >= 2);  // /slow, and /before again, which is nothing
}

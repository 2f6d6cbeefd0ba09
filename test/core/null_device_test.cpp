// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/null_device.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;

namespace {

ino_t inode_of(const unique_fd& fd) {
    struct stat status{};
    REQUIRE(::fstat(fd.get(), &status) == 0);
    return status.st_ino;
}

}  // namespace

TEST_CASE("the null device that is held outlives its path", "[core]") {
    test::temporary_directory directory;
    auto path = directory.path("null");
    REQUIRE(replace_file(path, "", 0600));
    auto before = inode_of(syscalls::open(path, O_RDWR).value());
    REQUIRE(hold_null_device(path));
    REQUIRE(::unlink(path.c_str()) == 0);
    auto first = open_null_device(), second = open_null_device();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(inode_of(*first) == before);
    CHECK(first->get() != second->get());
    CHECK((::fcntl(first->get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(hold_null_device(path).error().kind() == errc::not_found);
    CHECK(inode_of(open_null_device().value()) == before);
    REQUIRE(hold_null_device());
}

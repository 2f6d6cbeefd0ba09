// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/syscalls.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

using namespace vminit;

namespace {
int fail_everything(std::string_view) { return ENOSPC; }
}  // namespace

TEST_CASE("a failed call names the call and its object", "[core]") {
    auto outcome = syscalls::check("rmdir", "/no/such/dir", [] { return ::rmdir("/no/such/dir"); });
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "rmdir /no/such/dir: No such file or directory");
}

TEST_CASE("an interrupted call is made again", "[core]") {
    int calls = 0;
    auto outcome = syscalls::check("read", "fd", [&] {
        if (++calls < 3) {
            errno = EINTR;
            return -1;
        }
        return 7;
    });
    CHECK(outcome.value() == 7);
    CHECK(calls == 3);
}

TEST_CASE("the fault hook fails a call without making it", "[core]") {
    syscalls::set_fault_hook(fail_everything);
    bool was_made = false;
    auto outcome = syscalls::check("mount", "/run", [&] {
        was_made = true;
        return 0;
    });
    syscalls::set_fault_hook(nullptr);
    CHECK_FALSE(was_made);
    CHECK(outcome.error().message() == "mount /run: No space left on device");
}

TEST_CASE("pipes and opened files are closed on exec", "[core]") {
    auto ends = syscalls::pipe(O_NONBLOCK);
    REQUIRE(ends);
    CHECK(::fcntl(ends->read_end.get(), F_GETFD) == FD_CLOEXEC);
    CHECK((::fcntl(ends->write_end.get(), F_GETFL) & O_NONBLOCK) != 0);
    auto file = syscalls::open("/dev/null", O_RDONLY);
    REQUIRE(file);
    CHECK(::fcntl(file->get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("write_all reports a full non-blocking pipe", "[core]") {
    auto ends = syscalls::pipe(O_NONBLOCK);
    REQUIRE(ends);
    auto outcome = syscalls::write_all(ends->write_end.get(), std::string(1 << 20, 'x'), "pipe");
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "write pipe: Resource temporarily unavailable");
}

TEST_CASE("unique_fd closes what it owns, once", "[core]") {
    auto ends = syscalls::pipe();
    REQUIRE(ends);
    int raw = ends->read_end.get();
    unique_fd moved = std::move(ends->read_end);
    CHECK_FALSE(ends->read_end);
    CHECK(moved.get() == raw);
    moved.reset();
    CHECK(::fcntl(raw, F_GETFD) == -1);
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/error.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "vminit/core/result.hpp"

using namespace vminit;

namespace {
error_code from_errno(int value) { return {value, boost::system::system_category()}; }
}  // namespace

TEST_CASE("an error's message is its context followed by the class text hosts match", "[core]") {
    CHECK(error(errc::not_found, "container not created").message() == "container not created: not found");
    CHECK(error(errc::already_exists, "id a").message() == "id a: already exists");
    CHECK(error(errc::cancelled).message() == "context canceled");
    CHECK(error(errc::deadline_exceeded).message() == "context deadline exceeded");
    CHECK(error(errc::unauthenticated).message() == "unauthorized");
}

TEST_CASE("an unknown error is its context alone", "[core]") {
    CHECK(error(errc::unknown, "plain").message() == "plain");
    CHECK(error(errc::unknown).message() == "unknown");
}

TEST_CASE("an error grows outward without losing its code", "[core]") {
    auto inner = error(from_errno(EACCES), "mount /run");
    auto outer = inner.within("boot");
    CHECK(outer.message() == "boot: mount /run: Permission denied");
    CHECK(outer.code() == inner.code());
    CHECK(error(errc::internal).within("boot").message() == "boot: internal");
}

TEST_CASE("errno maps to the common classes", "[core]") {
    struct row {
        int value;
        errc kind;
    };
    auto expected = GENERATE(values<row>({{ENOENT, errc::not_found},
                                          {ESRCH, errc::not_found},
                                          {EEXIST, errc::already_exists},
                                          {EINVAL, errc::invalid_argument},
                                          {EACCES, errc::permission_denied},
                                          {EPERM, errc::permission_denied},
                                          {EBUSY, errc::failed_precondition},
                                          {ENOMEM, errc::resource_exhausted},
                                          {ENOSPC, errc::resource_exhausted},
                                          {EMFILE, errc::resource_exhausted},
                                          {ENOSYS, errc::not_implemented},
                                          {ETIMEDOUT, errc::deadline_exceeded},
                                          {ECANCELED, errc::cancelled},
                                          {EAGAIN, errc::unavailable},
                                          {EIO, errc::unknown}}));
    CAPTURE(expected.value);
    CHECK(kind_of(from_errno(expected.value)) == expected.kind);
}

TEST_CASE("a result's value() throws a system_error that tells what was being done", "[core]") {
    result<int> failed = error(errc::not_found, "container x");
    try {
        (void)failed.value();
        FAIL("value() returned");
    } catch (const boost::system::system_error& thrown) {
        CHECK(thrown.code() == make_error_code(errc::not_found));
        CHECK(std::string(thrown.what()).find("container x") != std::string::npos);
    }
}

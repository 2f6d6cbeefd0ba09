// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/status.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "vminit/ttrpc/client.hpp"

using namespace vminit;
using vminit::ttrpc::status;
using vminit::ttrpc::to_error;
using vminit::ttrpc::to_status;

namespace {

struct row {
    errc kind;
    int code;
    const char* text;
};

constexpr row table[] = {
    {errc::cancelled, 1, "context canceled"},
    {errc::invalid_argument, 3, "invalid argument"},
    {errc::deadline_exceeded, 4, "context deadline exceeded"},
    {errc::not_found, 5, "not found"},
    {errc::already_exists, 6, "already exists"},
    {errc::permission_denied, 7, "permission denied"},
    {errc::resource_exhausted, 8, "resource exhausted"},
    {errc::failed_precondition, 9, "failed precondition"},
    {errc::aborted, 10, "aborted"},
    {errc::out_of_range, 11, "out of range"},
    {errc::not_implemented, 12, "not implemented"},
    {errc::internal, 13, "internal"},
    {errc::unavailable, 14, "unavailable"},
    {errc::data_loss, 15, "data loss"},
    {errc::unauthenticated, 16, "unauthorized"},
};

status from_errno(int value) { return to_status(error(error_code(value, boost::system::system_category()), "open /x")); }

}  // namespace

TEST_CASE("every class has its code and ends its text, there and back", "[ttrpc]") {
    for (const auto& [kind, code, text] : table) {
        auto full = std::string("container x: ") + text;
        CHECK(to_status(error(kind, "container x")) == status{code, full});
        CHECK(to_status(error(kind)) == status{code, text});
        auto back = to_error(code, full);
        CHECK(back == error(kind, "container x"));
        CHECK(back.message() == full);
        CHECK(to_error(code, text) == error(kind));
        CHECK(to_error(code, "other").message() == std::string("other: ") + text);
    }
    CHECK(to_status(error(errc::unknown, "plain")) == status{2, "plain"});
    CHECK(to_error(2, "plain") == error(errc::unknown, "plain"));
}

TEST_CASE("only one class text is taken off, and codes that are none are unknown", "[ttrpc]") {
    CHECK(to_error(5, "a: not found: not found").context() == "a: not found");
    CHECK(to_error(9, "image x: conflict").message() == "image x: conflict: failed precondition");
    CHECK(to_error(0, "x") == error(errc::unknown, "x"));
    CHECK(to_error(17, "x") == error(errc::unknown, "x"));
    CHECK(to_error(-1, "x") == error(errc::unknown, "x"));
}

TEST_CASE("errno has the code of its class and its own text", "[ttrpc]") {
    CHECK(from_errno(ENOENT) == status{5, "open /x: No such file or directory"});
    CHECK(from_errno(ESRCH).code == 5);
    CHECK(from_errno(EEXIST).code == 6);
    CHECK(from_errno(EINVAL).code == 3);
    CHECK(from_errno(EACCES).code == 7);
    CHECK(from_errno(EPERM).code == 7);
    CHECK(from_errno(EBUSY).code == 9);
    for (int value : {ENOMEM, ENOSPC, EMFILE}) CHECK(from_errno(value).code == 8);
    CHECK(from_errno(ENOSYS).code == 12);
    CHECK(from_errno(ETIMEDOUT).code == 4);
    CHECK(from_errno(ECANCELED).code == 1);
    CHECK(from_errno(EAGAIN).code == 14);
    CHECK(from_errno(EIO) == status{2, "open /x: Input/output error"});
}

TEST_CASE("a lost connection is no status, but has a class for who does not care", "[ttrpc]") {
    error closed(vminit::ttrpc::client_errc::closed);
    CHECK(closed.kind() == errc::unavailable);
    CHECK(closed.code() != make_error_code(errc::unavailable));
    CHECK(closed.message() == "ttrpc: closed");
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/stream_send.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>
#include <string>

#include "process/failing_call.hpp"
#include "vminit/core/unique_fd.hpp"

using namespace vminit;
using test::failing_call;

namespace {

struct connection {
    connection() {
        int pair[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        ours = unique_fd(pair[0]);
        theirs = unique_fd(pair[1]);
    }

    std::string arrived() {
        std::string bytes(std::size_t{1} << 20, ' ');
        auto count = ::recv(theirs.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return bytes;
    }

    auto send(std::string_view bytes, std::size_t limit) { return send_some("send", ours.get(), bytes, limit); }

    unique_fd ours, theirs;
};

constexpr auto no_limit = std::numeric_limits<std::size_t>::max();

}  // namespace

TEST_CASE("only a vsock connection gets its bytes in pieces that every VMM takes", "[core]") {
    connection between;
    CHECK(largest_send(between.ours.get()) == no_limit);
    CHECK(largest_send(-1) == no_limit);
    unique_fd vsock(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));  // only made: it goes nowhere
    if (vsock) {
        CHECK(largest_send(vsock.get()) == largest_vsock_send);
    } else {
        CHECK((errno == EAFNOSUPPORT || errno == EPERM));
        WARN("this kernel has no vsock: its limit was not looked at");
    }
}

TEST_CASE_METHOD(connection, "what is more than the limit is sent piece by piece", "[core]") {
    std::string bytes = "0123456789";
    CHECK(send(bytes, 4).value() == 10);
    CHECK(arrived() == bytes);
    failing_call third("send", EAGAIN, 1, 2);
    CHECK(send(bytes, 4).value() == 8);
    CHECK(arrived() == "01234567");
    CHECK(send(bytes, no_limit).value() == 10);
}

TEST_CASE_METHOD(connection, "a failure is told only if nothing was sent before", "[core]") {
    {
        failing_call first("send", EAGAIN, 1);
        CHECK(send("bytes", 2).error().value() == EAGAIN);
    }
    CHECK(arrived().empty());
    {
        failing_call second("send", ENOMEM, failing_call::always, 1);
        CHECK(send("bytes", 2).value() == 2);
        CHECK(send("tes", 2).error().value() == ENOMEM);
    }
    CHECK(arrived() == "by");
    theirs.reset();
    CHECK(send("bytes", 2).error().value() == EPIPE);
}

TEST_CASE_METHOD(connection, "sending stops when the socket is full, and sending nothing tells whether it is broken",
                 "[core]") {
    std::string much(std::size_t{4} << 20, 'x');
    auto taken = send(much, 1000).value();
    CHECK(taken > 0);
    CHECK(taken < much.size());
    CHECK(send("more", 1000).error().value() == EAGAIN);
    CHECK(send("", 1000).value() == 0);
    theirs.reset();
    CHECK(send("", 1000).error().value() == EPIPE);
}

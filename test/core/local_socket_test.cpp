// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/local_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;

namespace {

bool is_taking_connections(const std::string& path) {
    auto address = local_address(path).value();
    auto socket = open_local_socket().value();
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

TEST_CASE("a local socket takes connections from the first on, and nothing else comes to its path", "[core]") {
    test::temporary_directory directory;
    auto path = directory.path("socket");
    auto listener = listen_at(path, 1, SOCK_NONBLOCK);
    REQUIRE(listener);
    CHECK((::fcntl(listener->get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(listener->get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(is_taking_connections(path));
    auto second = listen_at(path, 1);
    REQUIRE_FALSE(second);
    CHECK(syscalls::is_errno(second.error(), EADDRINUSE));
}

TEST_CASE("a path that is too long for a local socket is told as such", "[core]") {
    CHECK(local_address(std::string(107, 'x')));
    auto refused = local_address(std::string(108, 'x'));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::invalid_argument);
    CHECK(listen_at(std::string(108, 'x'), 1).error() == refused.error());
}

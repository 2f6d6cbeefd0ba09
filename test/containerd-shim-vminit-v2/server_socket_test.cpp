// SPDX-License-Identifier: Apache-2.0
#include "server_socket.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "support/temporary_directory.hpp"

using namespace vminit;
using namespace vminit::shim;

TEST_CASE("a server's socket is its owner's, and one that nobody serves is replaced", "[shim]") {
    test::temporary_directory directory;
    auto path = directory.path("s");
    CHECK_FALSE(is_served(path));
    auto first = bind_server(path);
    REQUIRE(first);
    CHECK(is_served(path));
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    first = unique_fd();
    CHECK_FALSE(is_served(path));
    CHECK(bind_server(path));
    CHECK(bind_server(directory.path(std::string(200, 'x'))).error().kind() == errc::invalid_argument);
}

TEST_CASE("a server that is dying does not serve", "[shim]") {
    test::temporary_directory directory;
    auto path = directory.path("s");
    CHECK_FALSE(stays_served(path, std::chrono::hours(1)));
    auto server = bind_server(path);
    REQUIRE(server);
    CHECK(stays_served(path, std::chrono::milliseconds(1)));
    // Takes the connection, as the kernel does for it, and goes.
    std::thread death([&server] {
        struct pollfd came{server->get(), POLLIN, 0};
        ::poll(&came, 1, -1);
        server = unique_fd();
    });
    CHECK_FALSE(stays_served(path, std::chrono::hours(1)));
    death.join();
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/transport.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::ttrpc;
using namespace std::chrono_literals;

namespace {

struct transport_fixture : test::io_fixture {
    test::temporary_directory directory;
    address where = address::unix_socket(directory.path("s"));
    task_group tasks{ex(), log()};
    std::optional<result<accepted>> taken;
    std::optional<listener> server;  // outlives the accept that waits on it

    ~transport_fixture() {
        syscalls::set_fault_hook(nullptr);
        tasks.stop();
        run(tasks.join());
    }

    void open_server(listen_options options = {}) {
        auto opened = listener::open(ex(), where, options);
        REQUIRE(opened);
        server.emplace(std::move(*opened));
    }

    awaitable<void> accept_one() { taken.emplace(co_await server->accept()); }
};

sockaddr_un unix_name(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    return name;
}

int failures_left = 0;
int fail_accept(std::string_view name) { return name == "accept4" && failures_left-- > 0 ? EMFILE : 0; }

}  // namespace

TEST_CASE_METHOD(transport_fixture, "a connection is accepted with its peer's credentials", "[ttrpc]") {
    open_server();
    tasks.spawn("accept", accept_one());
    auto client = run(connect(where, 5s));
    REQUIRE(client);
    pump([&] { return taken.has_value(); });
    REQUIRE(*taken);
    CHECK((*taken)->peer.describe() == "unix:pid=" + std::to_string(::getpid()) + ",uid=" + std::to_string(::getuid()));
    CHECK(server->counters().accepted == 1);
    CHECK((::fcntl((*taken)->socket.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(client->native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl((*taken)->socket.native_handle(), F_GETFL) & O_NONBLOCK) != 0);
}

TEST_CASE_METHOD(transport_fixture, "an abstract Unix socket needs no file", "[ttrpc]") {
    where = *address::parse("unix://@vminit-test-" + std::to_string(::getpid()));
    open_server();
    CHECK(run(connect(where, 5s)));
}

TEST_CASE_METHOD(transport_fixture, "a stale socket file is replaced, a live one is not", "[ttrpc]") {
    int left_behind = ::socket(AF_UNIX, SOCK_STREAM, 0);
    auto name = unix_name(where.path());
    REQUIRE(::bind(left_behind, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    ::close(left_behind);
    auto first = listener::open(ex(), where);
    REQUIRE(first);
    auto second = listener::open(ex(), where);
    REQUIRE_FALSE(second);
    CHECK(second.error().code().value() == EADDRINUSE);
    CHECK(run(connect(where, 5s)));
    first->close();
    CHECK_FALSE(std::filesystem::exists(where.path()));
}

TEST_CASE_METHOD(transport_fixture, "a socket that listens already is taken over, another is not", "[ttrpc]") {
    auto name = unix_name(where.path());
    unique_fd inherited(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(inherited.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    auto too_early = listener::adopt(ex(), unique_fd(::dup(inherited.get())), where);
    REQUIRE_FALSE(too_early);
    CHECK(too_early.error().kind() == errc::invalid_argument);
    REQUIRE(::listen(inherited.get(), 1) == 0);
    auto adopted = listener::adopt(ex(), std::move(inherited), where);
    REQUIRE(adopted);
    server.emplace(std::move(*adopted));
    tasks.spawn("accept", accept_one());
    CHECK(run(connect(where, 60s)));
    pump([&] { return taken.has_value(); });
    CHECK(*taken);
    server->close();
    CHECK_FALSE(std::filesystem::exists(where.path()));
}

TEST_CASE_METHOD(transport_fixture, "closing a listener ends the waiting accept", "[ttrpc]") {
    open_server();
    tasks.spawn("accept", accept_one());
    poll();
    server->close();
    pump([&] { return taken.has_value(); });
    CHECK(taken->error().kind() == errc::cancelled);
}

TEST_CASE_METHOD(transport_fixture, "accept waits out a lack of descriptors", "[ttrpc]") {
    manual_time time;
    open_server();
    failures_left = 2;
    syscalls::set_fault_hook(fail_accept);
    tasks.spawn("accept", accept_one());
    auto client = run(connect(where, 5s));
    REQUIRE(client);
    poll();
    CHECK(server->counters().backed_off == 1);
    CHECK_FALSE(taken);
    time.advance(1ms);
    poll();
    CHECK(server->counters().backed_off == 2);
    time.advance(2ms);
    poll();
    REQUIRE(taken);
    CHECK(*taken);
}

TEST_CASE_METHOD(transport_fixture, "connecting to nothing says so", "[ttrpc]") {
    auto outcome = run(connect(where, 5s));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "connect unix://" + where.path() + ": No such file or directory");
}

TEST_CASE_METHOD(transport_fixture, "a full backlog is waited for up to the limit", "[ttrpc]") {
    listen_options one;
    one.backlog = 0;
    open_server(one);
    auto first = run(connect(where, 5s));
    REQUIRE(first);
    auto second = run(connect(where, 20ms));
    REQUIRE_FALSE(second);
    CHECK(second.error().kind() == errc::deadline_exceeded);
}

TEST_CASE_METHOD(transport_fixture, "hvsock asks for the port and keeps what follows the answer", "[ttrpc]") {
    open_server();
    std::string asked;
    auto answer = GENERATE(std::string("OK 1073741824\nhello"), std::string("NO\n"));
    auto hypervisor = [](listener& from, std::string& line, std::string reply) -> awaitable<void> {
        auto incoming = co_await from.accept();
        co_await asio::async_read_until(incoming->socket, asio::dynamic_buffer(line), '\n', use_awaitable);
        co_await asio::async_write(incoming->socket, asio::buffer(reply), use_awaitable);
    };
    tasks.spawn("hypervisor", hypervisor(*server, asked, answer));
    auto client = run(connect(address::hvsock(where.path(), 1024), 5s));
    CHECK(asked == "CONNECT 1024\n");
    if (answer.starts_with("OK")) {
        REQUIRE(client);
        std::string rest(5, '\0');
        CHECK(asio::read(*client, asio::buffer(rest)) == 5);
        CHECK(rest == "hello");
    } else {
        REQUIRE_FALSE(client);
        CHECK(client.error().kind() == errc::unavailable);
    }
}

TEST_CASE_METHOD(transport_fixture, "a Unix peer of another user is closed and passed over", "[ttrpc][privileged]") {
    if (::geteuid() != 0) return;
    listen_options options;
    options.allowed_unix_peers = unix_peers::same_user_or_root;
    open_server(options);
    REQUIRE(::chmod(where.path().c_str(), 0777) == 0);
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    tasks.spawn("accept", accept_one());
    unique_fd stranger(::socket(AF_UNIX, SOCK_STREAM, 0));
    auto name = unix_name(where.path());
    REQUIRE(::seteuid(12345) == 0);
    int connected = ::connect(stranger.get(), reinterpret_cast<sockaddr*>(&name), sizeof name);
    REQUIRE(::seteuid(0) == 0);
    REQUIRE(connected == 0);
    poll();
    CHECK(server->counters().refused == 1);
    char byte = 0;
    CHECK(::recv(stranger.get(), &byte, 1, MSG_DONTWAIT) == 0);
    CHECK_FALSE(taken);
}

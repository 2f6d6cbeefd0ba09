// SPDX-License-Identifier: Apache-2.0
#include "vminit/streams/stream_service.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/descriptor_guard.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/unique_fd.hpp"

using namespace vminit;
using namespace vminit::streams;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

class stream_fixture : public test::descriptor_guard, public test::io_fixture {
public:
    explicit stream_fixture(const host_dialect& dialect = {})
        : streams(asio::make_service<stream_service>(ctx, dialect)) {
        REQUIRE(streams.listen(ttrpc::address::unix_socket(socket_path)));
    }

    /// A connection as a host makes it, blocking.
    unique_fd connect() const {
        unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        socket_path.copy(name.sun_path, sizeof name.sun_path - 1);
        REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
        return fd;
    }

    static void send(const unique_fd& fd, std::string_view bytes) {
        REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }

    /// What has arrived; "" also at the end.
    static std::string received(const unique_fd& fd) {
        char buffer[64];
        auto count = ::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
    }

    static bool is_ended(const unique_fd& fd) {
        char byte;
        return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }

    /// A connection that has done its handshake.
    unique_fd open_stream(std::string_view id_bytes) {
        auto fd = connect();
        auto before = streams.counters().registered;
        send(fd, id_bytes);
        pump([&] { return streams.counters().registered == before + 1; });
        REQUIRE(received(fd) == id_bytes);
        return fd;
    }

    test::temporary_directory directory;
    std::string socket_path = directory.path("streams");
    stream_service& streams;
};

/// A service whose hosts name their streams.
class named_fixture : public stream_fixture {
public:
    named_fixture() : stream_fixture(host_dialect::nerdbox()) {}
};

const std::string id_7("\0\0\0\x07", 4);
const std::string id_big("\xde\xad\xbe\xef", 4);

}  // namespace

TEST_CASE_METHOD(stream_fixture, "a stream is echoed its id and is then a byte pipe both ways", "[streams]") {
    auto host = open_stream(id_big);
    auto claimed = streams.claim("3735928559");
    REQUIRE(claimed);
    send(host, "stdin");
    std::string text(5, ' ');
    run([](ttrpc::stream_socket& socket, std::string& into) -> awaitable<void> {
        co_await asio::async_read(socket, asio::buffer(into), use_awaitable);
    }(*claimed, text));
    CHECK(text == "stdin");
    CHECK(claimed->write_some(asio::buffer("out", 3)) == 3);
    CHECK(received(host) == "out");
    claimed->close();
    CHECK(is_ended(host));
}

TEST_CASE_METHOD(stream_fixture, "the id may come in pieces, and nothing is echoed before it is whole", "[streams]") {
    auto host = connect();
    send(host, id_7.substr(0, 1));
    pump([&] { return streams.counters().accepted == 1; });
    poll();
    CHECK(received(host) == "");
    CHECK(streams.counters().handshakes == 1);
    send(host, id_7.substr(1));
    pump([&] { return streams.counters().registered == 1; });
    CHECK(received(host) == id_7);
    CHECK(streams.counters().handshakes == 0);
    CHECK(streams.counters().unclaimed == 1);
}

TEST_CASE_METHOD(stream_fixture, "bytes sent right behind the id are the claimer's", "[streams]") {
    auto host = open_stream(id_7 + ""s);
    send(host, "early");
    poll();
    auto claimed = streams.claim("7");
    REQUIRE(claimed);
    std::string text(5, ' ');
    CHECK(asio::read(*claimed, asio::buffer(text)) == 5);
    CHECK(text == "early");
}

TEST_CASE_METHOD(stream_fixture, "a stream is claimed exactly once", "[streams]") {
    auto host = open_stream(id_7);
    auto first = streams.claim("7");
    REQUIRE(first);
    auto second = streams.claim("7");
    REQUIRE_FALSE(second);
    CHECK(second.error().message() == "unable to get stream 7: not found");
    CHECK(streams.claim("8").error().kind() == errc::not_found);
    CHECK(streams.counters().claimed == 1);
}

TEST_CASE_METHOD(stream_fixture, "an id that waits already is refused without a reply", "[streams]") {
    auto first = open_stream(id_7);
    auto second = connect();
    send(second, id_7);
    pump([&] { return streams.counters().refused == 1; });
    CHECK(is_ended(second));
    CHECK_FALSE(is_ended(first));
    CHECK(has_line("stream refused error=\"stream 7: already exists\""));
    CHECK(streams.claim("7"));
    auto third = open_stream(id_7);
    CHECK(streams.claim("7"));
}

TEST_CASE_METHOD(stream_fixture, "a silent peer delays nobody and is dropped after five seconds", "[streams]") {
    manual_time time;
    auto silent = connect();
    send(silent, "\0"s);
    pump([&] { return streams.counters().handshakes == 1; });
    poll();
    auto host = open_stream(id_7);
    time.advance(5s - 1ns);
    poll();
    CHECK_FALSE(is_ended(silent));
    time.advance(1ns);
    pump([&] { return streams.counters().refused == 1; });
    CHECK(is_ended(silent));
    CHECK(streams.counters().handshakes == 0);
    CHECK(has_line("stream refused error=\"stream handshake: context deadline exceeded\""));
    CHECK(streams.claim("7"));
}

TEST_CASE_METHOD(stream_fixture, "silent peers beyond the bound are closed at once", "[streams]") {
    std::vector<unique_fd> silent;
    for (std::size_t i = 0; i < stream_service::max_handshakes; ++i) {
        silent.push_back(connect());
        pump([&] { return streams.counters().handshakes == i + 1; });
    }
    auto more = connect();
    pump([&] { return streams.counters().refused == 1; });
    CHECK(is_ended(more));
    CHECK_FALSE(is_ended(silent.front()));
    silent.clear();
    pump([&] { return streams.counters().handshakes == 0; });
    auto host = open_stream(id_7);
}

TEST_CASE_METHOD(stream_fixture, "a peer that goes before its id is whole leaves nothing", "[streams]") {
    {
        auto host = connect();
        send(host, id_7.substr(0, 3));
    }
    pump([&] { return streams.counters().refused == 1; });
    CHECK(streams.counters().unclaimed == 0);
}

TEST_CASE_METHOD(stream_fixture, "a peer that goes before the echo leaves nothing registered", "[streams]") {
    auto host = connect();
    send(host, id_7);
    host.reset();
    pump([&] { return streams.counters().refused + streams.counters().dropped == 1; });
    CHECK(streams.counters().unclaimed == 0);
    CHECK_FALSE(streams.claim("7"));
}

TEST_CASE_METHOD(stream_fixture, "an unclaimed stream is dropped when its connection breaks", "[streams]") {
    auto other = open_stream(id_big);
    auto host = open_stream(id_7);
    SECTION("an idle one") {}
    SECTION("one that was half-closed before") {
        ::shutdown(host.get(), SHUT_WR);
        poll();
        CHECK(streams.counters().unclaimed == 2);
    }
    host.reset();
    pump([&] { return streams.counters().dropped == 1; });
    CHECK(streams.counters().unclaimed == 1);
    CHECK_FALSE(streams.claim("7"));
    CHECK(streams.claim("3735928559"));
    auto again = open_stream(id_7);
    CHECK(streams.claim("7"));
}

TEST_CASE_METHOD(stream_fixture, "bytes that wait for their claimer do not keep the loop busy", "[streams]") {
    auto host = open_stream(id_7);
    send(host, "early");
    SECTION("from a peer that goes on") {}
    SECTION("from one that has finished writing") { ::shutdown(host.get(), SHUT_WR); }
    SECTION("from one that has gone") { host.reset(); }
    poll();
    ctx.restart();
    CHECK(ctx.poll() == 0);
}

TEST_CASE_METHOD(stream_fixture, "what a peer wrote waits for its claimer after the peer has finished", "[streams]") {
    auto host = open_stream(id_7);
    send(host, "hi");
    bool is_half_closed = GENERATE(true, false);
    if (is_half_closed) {
        REQUIRE(::shutdown(host.get(), SHUT_WR) == 0);
    } else {
        host.reset();
    }
    poll();
    CHECK(streams.counters().dropped == 0);
    auto claimed = streams.claim("7");
    REQUIRE(claimed);
    std::string text(3, ' ');
    error_code failure;
    CHECK(asio::read(*claimed, asio::buffer(text), failure) == 2);
    CHECK(text == "hi ");
    CHECK(failure == asio::error::eof);
    if (!is_half_closed) return;
    CHECK(claimed->write_some(asio::buffer("out", 3)) == 3);
    CHECK(received(host) == "out");
}

TEST_CASE_METHOD(stream_fixture, "a new stream takes the place of one whose peer left only bytes", "[streams]") {
    auto host = open_stream(id_7);
    send(host, "old");
    host.reset();
    poll();
    host = open_stream(id_7);
    send(host, "new");
    auto claimed = streams.claim("7");
    REQUIRE(claimed);
    std::string text(3, ' ');
    CHECK(asio::read(*claimed, asio::buffer(text)) == 3);
    CHECK(text == "new");
    CHECK(streams.counters().unclaimed == 0);
}

TEST_CASE_METHOD(stream_fixture, "of the streams whose peers left only bytes the newest are kept", "[streams]") {
    auto before = test::open_descriptors();
    constexpr std::uint32_t kept = 64;
    for (std::uint32_t id = 0; id <= kept; ++id) {
        auto pair = ttrpc::connected_pair(ex()).value();
        REQUIRE(streams.add(std::to_string(id), std::move(pair.first)));
        send(pair.second, "x");
        pair.second.reset();
        poll();
    }
    CHECK(streams.counters().dropped == 1);
    CHECK_FALSE(streams.claim("0"));
    for (std::uint32_t id = 1; id <= kept; ++id) CHECK(streams.claim(std::to_string(id)));
    CHECK(test::open_descriptors() == before);
}

TEST_CASE_METHOD(stream_fixture, "streams made otherwise are claimed the same way, up to the bound", "[streams]") {
    auto before = test::open_descriptors();
    std::vector<unique_fd> hosts;
    for (std::uint32_t id = 0; id < stream_service::max_unclaimed; ++id) {
        auto pair = ttrpc::connected_pair(ex()).value();
        REQUIRE(streams.add(std::to_string(id), std::move(pair.first)));
        hosts.push_back(std::move(pair.second));
    }
    auto pair = ttrpc::connected_pair(ex()).value();
    auto refused = streams.add("5000", std::move(pair.first));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "stream 5000: too many unclaimed streams: resource exhausted");
    CHECK(streams.claim("3"));
    hosts.clear();
    pump([&] { return streams.counters().unclaimed == 0; });
    pair.second.reset();
    CHECK(test::open_descriptors() == before);
}

TEST_CASE_METHOD(stream_fixture, "closing ends the port, handshakes and unclaimed streams, not claimed ones",
                 "[streams]") {
    auto claimed_host = open_stream(id_7);
    auto claimed = streams.claim("7");
    auto waiting = open_stream(id_big);
    auto silent = connect();
    pump([&] { return streams.counters().handshakes == 1; });
    streams.close();
    streams.close();
    poll();
    CHECK(is_ended(waiting));
    CHECK(is_ended(silent));
    CHECK_FALSE(is_ended(claimed_host));
    CHECK(streams.claim("3735928559").error().kind() == errc::not_found);
    CHECK_FALSE(std::filesystem::exists(socket_path));
    CHECK(streams.listen(ttrpc::address::unix_socket(socket_path)).error().kind() == errc::unavailable);
}

TEST_CASE_METHOD(named_fixture, "a host may name its streams", "[streams]") {
    auto greeting = "\0\0\0\x0a"s + "web-stdout"s;
    auto host = open_stream(greeting);
    auto claimed = streams.claim("web-stdout");
    REQUIRE(claimed);
    CHECK(claimed->write_some(asio::buffer("out", 3)) == 3);
    CHECK(received(host) == "out");
    CHECK(streams.claim("web-stdout").error().message() == "unable to get stream web-stdout: not found");
}

TEST_CASE_METHOD(named_fixture, "a name that is taken is refused with words", "[streams]") {
    auto greeting = "\0\0\0\x03web"s;
    auto first = open_stream(greeting);
    auto second = connect();
    send(second, greeting);
    pump([&] { return streams.counters().refused == 1; });
    CHECK(received(second) == "\0\0\0\x1b"s + "stream \"web\" already exists"s);
    CHECK(is_ended(second));
    CHECK_FALSE(is_ended(first));
    CHECK(streams.claim("web"));
}

TEST_CASE_METHOD(named_fixture, "a name has one byte at least and a bound", "[streams]") {
    auto length = GENERATE("\0\0\0\0"s, "\0\0\x04\x01"s, "\xff\xff\xff\xff"s);
    auto host = connect();
    send(host, length);
    pump([&] { return streams.counters().refused == 1; });
    CHECK(is_ended(host));
    CHECK(has_line("stream refused error=\"stream handshake: a name of "));
    auto longest = "\0\0\x04\0"s + std::string(stream_service::max_name, 'x');
    auto other = connect();
    send(other, longest);
    pump([&] { return streams.counters().registered == 1; });
    CHECK(streams.claim(longest.substr(4)));
}

TEST_CASE("a context may go down with streams in every state", "[streams]") {
    auto before = test::open_descriptors();
    {
        stream_fixture fixture;
        auto waiting = fixture.open_stream(id_7);
        auto silent = fixture.connect();
        fixture.pump([&] { return fixture.streams.counters().handshakes == 1; });
    }
    CHECK(test::open_descriptors() == before);
}

// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/socket_forward_api.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>

#include "api/api_fixture.hpp"
#include "github.com/containerd/nerdbox/api/services/socketforward/v1/socketforward.ttrpc.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/local_socket.hpp"
#include "vminit/streams/stream_service.hpp"

using namespace vminit;
using namespace vminit::test;
namespace wire = nerdbox::services::socketforward::v1;
namespace fs = std::filesystem;

namespace {

struct sockets_fixture : api_fixture {
    sockets_fixture() { server().add(api::make_socket_forward_api(ctx)); }

    using accepting = ttrpc::duplex_stream<wire::ConnectResult, wire::ConnectRequest>;

    result<google::protobuf::Empty> bind(const std::string& id, const std::string& path) {
        wire::BindRequest request;
        auto& socket = *request.add_sockets();
        socket.set_forward_id(id);
        socket.set_socket_path(path);
        return run(wire::SocketForwardClient(rpc()).Bind(std::move(request)));
    }
    accepting accept() { return wire::SocketForwardClient(rpc()).Accept().value(); }
    wire::ConnectRequest next(accepting& host) { return run(host.read()).value().value(); }
    void answer(accepting& host, const std::string& stream, const std::string& why = {}) {
        wire::ConnectResult result;
        result.set_stream_id(stream);
        result.set_error(why);
        REQUIRE(run(host.write(result)));
    }
    unique_fd dial() {
        auto fd = open_local_socket().value();
        auto name = local_address(path).value();
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        return fd;
    }
    unique_fd open_stream(const std::string& name) {
        auto pair = ttrpc::connected_pair(ex()).value();
        REQUIRE(asio::use_service<streams::stream_service>(ctx).add(name, std::move(pair.first)));
        return std::move(pair.second);
    }
    std::string read(const unique_fd& fd) {
        std::string text(100, ' ');
        ssize_t count = -1;
        pump([&] { return (count = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT)) >= 0; });
        return text.substr(0, static_cast<std::size_t>(count));
    }

    temporary_directory dir;
    std::string path = dir.path("deep/agent.sock");
};

}  // namespace

TEST_CASE_METHOD(sockets_fixture, "a connection at a bound socket goes to the host's stream", "[api]") {
    REQUIRE(bind("agent", path));
    REQUIRE(bind("agent", path));
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0666);
    // Also one that comes before the host asks.
    auto application = dial();
    auto host = accept();
    auto asked = next(host);
    CHECK(asked.forward_id() == "agent");
    auto stream = open_stream(asked.stream_id());
    answer(host, asked.stream_id());
    CHECK(::send(application.get(), "key?", 4, MSG_NOSIGNAL) == 4);
    CHECK(read(stream) == "key?");
    ::shutdown(application.get(), SHUT_WR);
    CHECK(read(stream) == "");
    CHECK(::send(stream.get(), "key", 3, MSG_NOSIGNAL) == 3);
    CHECK(read(application) == "key");
    stream.reset();
    CHECK(read(application) == "");
}

TEST_CASE_METHOD(sockets_fixture, "a connection that a host refuses goes to another, or is closed", "[api]") {
    REQUIRE(bind("agent", path));
    auto first = accept();
    auto application = dial();
    auto asked = next(first);
    auto second = accept();
    answer(first, "socketforward-77", "of nobody");
    answer(first, asked.stream_id(), "unknown");
    auto again = next(second);
    CHECK(again.stream_id() == asked.stream_id());
    answer(second, again.stream_id(), "unknown, too");
    CHECK(read(application) == "");
}

TEST_CASE_METHOD(sockets_fixture, "a stream that is not there closes its connection alone", "[api]") {
    REQUIRE(bind("agent", path));
    auto host = accept();
    auto application = dial();
    answer(host, next(host).stream_id());
    CHECK(read(application) == "");
    auto other = dial();
    auto asked = next(host);
    auto stream = open_stream(asked.stream_id());
    answer(host, asked.stream_id());
    CHECK(::send(stream.get(), "x", 1, MSG_NOSIGNAL) == 1);
    CHECK(read(other) == "x");
}

TEST_CASE_METHOD(sockets_fixture, "what cannot be bound is named with the reason", "[api]") {
    CHECK(bind("agent", "run/x").error().message() == "socket_path must be absolute: invalid argument");
    CHECK(bind("", path).error().message() == "a socket needs a forward_id: invalid argument");
    fs::create_directories(path);
    CHECK(bind("agent", path).error().message() == "listen at " + path + ": Address already in use");
    // A name that is bound anew leaves its old place.
    REQUIRE(bind("agent", dir.path("a")));
    REQUIRE(bind("agent", dir.path("b")));
    pump([&] { return !fs::exists(dir.path("a")); });
    CHECK(fs::exists(dir.path("b")));
}

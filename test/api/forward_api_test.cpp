// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/forward_api.hpp"

#include <sys/socket.h>

#include <filesystem>

#include "api/task_fixture.hpp"
#include "vminit/core/local_socket.hpp"
#include "vminit/forward/v1/forward.ttrpc.hpp"

using namespace vminit;
using namespace vminit::test;
namespace wire = vminit::forward::v1;
namespace fs = std::filesystem;

namespace {

/// A container whose root is a directory, as /proc shows it, in our network.
class ports_fixture : public task_fixture {
public:
    ports_fixture() {
        server().add(api::make_forward_api(ctx));
        create("web", {"sleep", "1000"});
        auto proc = runtime.path("proc/" + std::to_string(start("web")));
        root = proc + "/root";
        fs::create_directories(root + "/run");
        fs::create_directories(proc + "/ns");
        fs::create_symlink("/proc/self/ns/net", proc + "/ns/net");
    }

    wire::ForwardClient forwards() { return wire::ForwardClient(rpc()); }
    streams::stream_service& streams() { return asio::use_service<streams::stream_service>(ctx); }

    static wire::Place place(const std::string& path, std::uint32_t port = 0, const std::string& address = {}) {
        wire::Place made;
        made.set_id("web");
        made.set_path(path);
        made.set_port(port);
        made.set_address(address);
        return made;
    }

    /// A stream that a host has opened: its side.
    unique_fd open_stream(const std::string& name) {
        auto pair = ttrpc::connected_pair(ex()).value();
        REQUIRE(streams().add(name, std::move(pair.first)));
        return std::move(pair.second);
    }

    using call = ttrpc::duplex_stream<wire::ConnectRequest, wire::Written>;

    call connect(const wire::ConnectRequest& request) {
        auto opened = forwards().Connect().value();
        REQUIRE(run(opened.write(request)));
        return opened;
    }
    call connect(const wire::Place& to, const std::string& stream) {
        wire::ConnectRequest request;
        *request.mutable_to() = to;
        request.set_stream(stream);
        return connect(request);
    }
    /// What is said to one that must fail.
    std::string refusal(const wire::Place& to) {
        auto stream = open_stream("7");
        auto refused = connect(to, "7");
        auto answer = run(refused.read());
        // The stream is not left behind.
        CHECK(streams().counters().unclaimed == 0);
        return verdict(answer);
    }
    std::string listen_refusal(const wire::Place& at) {
        auto opened = forwards().Listen(at).value();
        return verdict(run(opened.read()));
    }

    std::string read(const unique_fd& fd) {
        std::string text(100, ' ');
        ssize_t count = -1;
        pump([&] { return (count = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT)) >= 0; });
        return text.substr(0, static_cast<std::size_t>(count));
    }
    static void write(const unique_fd& fd, std::string_view text) {
        REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    }

    std::string root;
};

}  // namespace

TEST_CASE_METHOD(ports_fixture, "a host reaches a container's socket, and each side says when it ends", "[api]") {
    auto listener = listen_at(root + "/run/app.sock", 8).value();
    auto stream = open_stream("7");
    auto call = connect(place("/run/app.sock"), "7");
    CHECK(run(call.read()).value().value().bytes() == 0);
    unique_fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    write(stream, "GET");
    CHECK(read(server) == "GET");
    wire::ConnectRequest last;
    last.set_written(3);
    REQUIRE(run(call.write(last)));
    CHECK(read(server) == "");
    write(server, "answer");
    server.reset();
    CHECK(run(call.read()).value().value().bytes() == 6);
    CHECK(read(stream) == "answer");
    stream.reset();
    CHECK_FALSE(run(call.read()).value());
}

TEST_CASE_METHOD(ports_fixture, "a container reaches a host at a place of its own", "[api]") {
    auto gate = forwards().Listen(place("/run/in.sock")).value();
    CHECK(run(gate.read()).value().value().connection() == 0);
    auto application = open_local_socket().value();
    auto name = local_address(root + "/run/in.sock").value();
    REQUIRE(::connect(application.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    auto told = run(gate.read()).value().value();
    auto stream = open_stream("9");
    wire::ConnectRequest request;
    request.set_incoming(told.connection());
    request.set_stream("9");
    auto call = connect(request);
    REQUIRE(run(call.read()));
    write(application, "key?");
    CHECK(read(stream) == "key?");
    auto again = open_stream("10");
    request.set_stream("10");
    auto refused = connect(request);
    CHECK(verdict(run(refused.read())) == "5 no connection 1 waits: not found");
}

TEST_CASE_METHOD(ports_fixture, "a connection that the host does not want is closed", "[api]") {
    auto gate = forwards().Listen(place("/run/in.sock")).value();
    REQUIRE(run(gate.read()));
    auto application = open_local_socket().value();
    auto name = local_address(root + "/run/in.sock").value();
    REQUIRE(::connect(application.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    wire::ConnectRequest request;
    request.set_incoming(run(gate.read()).value().value().connection());
    auto call = connect(request);
    CHECK_FALSE(run(call.read()).value());
    CHECK(read(application) == "");
}

TEST_CASE_METHOD(ports_fixture, "a forward says what is wrong with it", "[api]") {
    auto other = place("/run/x.sock");
    other.set_id("none");
    CHECK(refusal(other) == "5 container not created: not found");
    CHECK(refusal(place("/run/x.sock")) == "5 open /run/x.sock: No such file or directory: not found");
    CHECK(refusal(place("run/x.sock")) == "3 the path of a place must be absolute: invalid argument");
    CHECK(refusal(place("/run/x.sock", 80)) == "3 a place has a port or a path, not both: invalid argument");
    for (std::uint32_t port : {0U, 65536U}) {
        CHECK(refusal(place("", port)) == "3 a place needs a path, or a port from 1 to 65535: invalid argument");
    }
    CHECK(refusal(place("", 80, "nowhere")) == "3 \"nowhere\" is no IP address: invalid argument");
    CHECK(listen_refusal(other) == "5 container not created: not found");
    CHECK(listen_refusal(place("", 0)) == "3 a place needs a path, or a port from 1 to 65535: invalid argument");
    auto unknown = connect(place("/run/x.sock"), "77");
    CHECK(verdict(run(unknown.read())) == "5 unable to get stream 77: not found");
    auto nothing = forwards().Connect().value();
    REQUIRE(nothing.close_send());
    CHECK(verdict(run(nothing.read())) == "3 no request: invalid argument");
}

TEST_CASE_METHOD(ports_fixture, "with the container go its forwards", "[api]") {
    auto listener = listen_at(root + "/run/app.sock", 8).value();
    auto gate = forwards().Listen(place("/run/in.sock")).value();
    REQUIRE(run(gate.read()));
    auto stream = open_stream("7");
    auto call = connect(place("/run/app.sock"), "7");
    REQUIRE(run(call.read()));
    task::KillRequest kill;
    kill.set_id("web");
    kill.set_signal(SIGKILL);
    REQUIRE(run(client().Kill(kill)));
    CHECK(verdict(run(gate.read())) == "9 container web has ended: failed precondition");
    // Nothing moves any more: it is given its time, and then closed.
    CHECK(read(stream) == "");
    CHECK(refusal(place("/run/app.sock")) == "9 container web is not running: failed precondition");
}

TEST_CASE_METHOD(ports_fixture, "with its connection go a caller's forwards", "[api]") {
    auto listener = listen_at(root + "/run/app.sock", 8).value();
    auto stream = open_stream("7");
    auto peer = test::api_fixture::connect();
    auto opened = wire::ForwardClient(peer).Connect().value();
    wire::ConnectRequest request;
    *request.mutable_to() = place("/run/app.sock");
    request.set_stream("7");
    REQUIRE(run(opened.write(request)));
    REQUIRE(run(opened.read()));
    auto gate = wire::ForwardClient(peer).Listen(place("/run/in.sock")).value();
    REQUIRE(run(gate.read()));
    peer.close();
    CHECK(read(stream) == "");
    pump([&] { return !fs::exists(root + "/run/in.sock"); });
}

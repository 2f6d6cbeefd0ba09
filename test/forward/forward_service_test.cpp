// SPDX-License-Identifier: Apache-2.0
#include "vminit/forward/forward_service.hpp"

#include <netinet/in.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "forward/forward_fixture.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::forward;
namespace fs = std::filesystem;

namespace {

struct service_fixture : test::forward_fixture {
    service_fixture() {
        inside.root = dir.path("root");
        inside.socket_mode = 0622;
        fs::create_directories(dir.path("root/run"));
    }

    place local(std::string path) {
        place at;
        at.path = std::move(path);
        return at;
    }
    place tcp(std::uint16_t port) { return place{"127.0.0.1", port, ""}; }

    /// A listener of the test's own, below the root.
    unique_fd listen_in_root(const std::string& path, int backlog = 8) {
        return listen_at(dir.path("root" + path), backlog).value();
    }
    unique_fd listen_tcp(std::uint16_t& port) {
        unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        REQUIRE(::listen(fd.get(), 8) == 0);
        socklen_t size = sizeof name;
        REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
        port = ntohs(name.sin_port);
        return fd;
    }
    static test::hand accept(const unique_fd& listener) {
        return test::hand{unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC))};
    }
    test::hand dial(const std::string& path) {
        auto fd = open_local_socket().value();
        auto name = local_address(path).value();
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        return test::hand{std::move(fd)};
    }

    result<std::shared_ptr<relay>> connect(place to, test::hand& stream) {
        auto [ours, other] = pair();
        stream = std::move(other);
        return run(forwards.connect("web", std::move(to), inside, std::move(ours)));
    }
    result<std::shared_ptr<gate>> listen(place at) { return run(forwards.listen("web", std::move(at), inside)); }
    std::string refusal(place to) {
        test::hand stream;
        auto refused = connect(std::move(to), stream);
        return refused ? "ok" : refused.error().message();
    }

    test::temporary_directory dir;
    forward_service& forwards = asio::use_service<forward_service>(ctx);
    surroundings inside;
};

}  // namespace

TEST_CASE_METHOD(service_fixture, "a stream reaches a TCP port and back", "[forward]") {
    std::uint16_t port = 0;
    auto listener = listen_tcp(port);
    test::hand stream;
    auto link = connect(tcp(port), stream);
    REQUIRE(link);
    auto server = accept(listener);
    stream.write("GET");
    CHECK(receive(server, 3) == "GET");
    server.write("200");
    server.finish();
    CHECK(receive(stream, 3) == "200");
    until([&] { return (*link)->out_end().has_value(); });
    (*link)->in_ends_at(3);
    CHECK(receive_all(server) == "");
    until([&] { return (*link)->is_over(); });
    (*link)->close();
}

TEST_CASE_METHOD(service_fixture, "a stream reaches a Unix socket below the root, by links that stay there",
                 "[forward]") {
    auto listener = listen_in_root("/run/app.sock");
    fs::create_symlink("/run", dir.path("root/way"));
    test::hand stream;
    auto link = connect(local("/way/app.sock"), stream);
    REQUIRE(link);
    auto server = accept(listener);
    stream.write("hello");
    CHECK(receive(server, 5) == "hello");
    (*link)->close();
}

TEST_CASE_METHOD(service_fixture, "no link leads out of the root", "[forward]") {
    auto outside = listen_at(dir.path("outside.sock"), 8).value();
    fs::create_symlink(dir.path("outside.sock"), dir.path("root/run/a"));
    fs::create_symlink("../../outside.sock", dir.path("root/run/b"));
    for (auto path : {"/run/a", "/run/b", "/../outside.sock"}) {
        CHECK(refusal(local(path)) == "open " + std::string(path) + ": No such file or directory");
    }
    fs::create_symlink(dir.path(), dir.path("root/out"));
    CHECK(listen(local("/out/x.sock")).error().message() == "open /out/: No such file or directory");
    CHECK_FALSE(fs::exists(dir.path("x.sock")));
}

TEST_CASE_METHOD(service_fixture, "who cannot be reached is named with the reason", "[forward]") {
    std::uint16_t port = 0;
    listen_tcp(port).reset();
    auto where = "127.0.0.1:" + std::to_string(port);
    CHECK(refusal(tcp(port)) == "connect " + where + ": Connection refused");
    listen_in_root("/run/left.sock").reset();
    CHECK(refusal(local("/run/left.sock")) == "connect /run/left.sock: Connection refused");
    REQUIRE(replace_file(dir.path("root/run/file"), "", 0600));
    CHECK(refusal(local("/run/file")) == "connect /run/file: Connection refused");
    CHECK(refusal(place{"nowhere", 1, ""}) == "\"nowhere\" is no IP address: invalid argument");
    inside.net = dir.path("none");
    CHECK(refusal(tcp(port)) == "open " + dir.path("none") + ": No such file or directory");
}

TEST_CASE_METHOD(service_fixture, "what was opened for one that has ended meanwhile is not used", "[forward]") {
    std::uint16_t port = 0;
    auto listener = listen_tcp(port);
    inside.check = [] { return result<void>(error(errc::failed_precondition, "container web has ended")); };
    CHECK(refusal(tcp(port)) == "container web has ended: failed precondition");
}

TEST_CASE_METHOD(service_fixture, "a full listener is tried again", "[forward]") {
    auto listener = listen_in_root("/run/app.sock", 0);
    test::hand first, second;
    REQUIRE(connect(local("/run/app.sock"), first));
    bool is_connected = false;
    auto wait = [&]() -> awaitable<void> {
        auto [ours, other] = pair();
        second = std::move(other);
        auto to = local("/run/app.sock");
        auto link = co_await forwards.connect("web", std::move(to), inside, std::move(ours));
        is_connected = link.has_value();
    };
    task_group tasks(ex(), log());
    auto waiting = wait();
    tasks.spawn("wait", std::move(waiting));
    poll();
    auto one = accept(listener);
    until([&] { return is_connected; });
    auto two = accept(listener);
    second.write("x");
    CHECK(receive(two, 1) == "x");
    forwards.close();
}

TEST_CASE_METHOD(service_fixture, "connections beyond the bound are refused", "[forward]") {
    auto listener = listen_in_root("/run/app.sock", 200);
    std::vector<test::hand> streams(forward_service::max_connections);
    for (auto& stream : streams) REQUIRE(connect(local("/run/app.sock"), stream));
    test::hand further;
    CHECK(connect(local("/run/app.sock"), further).error().message() ==
          "128 forwarded connections are open already: resource exhausted");
    CHECK(forwards.counters().connections == 128);
    CHECK(forwards.counters().refused == 1);
    // One that ends makes room.
    streams.front().close();
    until([&] { return forwards.counters().connections < 128; });
    CHECK(connect(local("/run/app.sock"), further));
    forwards.close();
}

TEST_CASE_METHOD(service_fixture, "a gate takes connections, and leaves no socket behind", "[forward]") {
    auto path = dir.path("root/run/in.sock");
    auto gate = listen(local("/run/in.sock"));
    REQUIRE(gate);
    CHECK((*gate)->where().path == "/run/in.sock");
    struct stat facts{};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0622);
    auto application = dial(path);
    auto number = run((*gate)->accept());
    REQUIRE(number);
    auto [ours, stream] = pair();
    auto link = forwards.take(*number, std::move(ours));
    REQUIRE(link);
    application.write("key?");
    CHECK(receive(stream, 4) == "key?");
    CHECK(forwards.take(*number, pair().first).error().message() == "no connection 1 waits: not found");
    // What it carries outlives it.
    gate->reset();
    until([&] { return !fs::exists(path); });
    stream.write("key");
    CHECK(receive(application, 3) == "key");
    CHECK(forwards.counters().gates == 0);
    (*link)->close();
}

TEST_CASE_METHOD(service_fixture, "a gate refuses what nobody takes, and lets the rest wait in the kernel",
                 "[forward]") {
    auto path = dir.path("root/run/in.sock");
    auto gate = listen(local("/run/in.sock")).value();
    std::vector<test::hand> applications;
    for (std::size_t i = 0; i <= forward_service::max_waiting; ++i) applications.push_back(dial(path));
    std::vector<std::uint64_t> numbers;
    auto accept_all = [&]() -> awaitable<void> {
        for (;;) {
            auto number = co_await gate->accept();
            if (!number) co_return;
            numbers.push_back(*number);
        }
    };
    task_group tasks(ex(), log());
    auto accepting = accept_all();
    tasks.spawn("accept", std::move(accepting));
    poll();
    CHECK(numbers.size() == forward_service::max_waiting);
    forwards.refuse(numbers.front());
    CHECK(applications.front().read() == "(end)");
    until([&] { return numbers.size() > forward_service::max_waiting; });
    gate->close(error(errc::unavailable, "closed"));
    for (auto& application : applications) CHECK(application.read() == "(end)");
    poll();
}

TEST_CASE_METHOD(service_fixture, "a place that is taken is not taken again, one that is left is", "[forward]") {
    auto listener = listen_in_root("/run/app.sock");
    CHECK(listen(local("/run/app.sock")).error().message() == "listen at /run/app.sock: Address already in use");
    listener.reset();
    CHECK(listen(local("/run/app.sock")));
    REQUIRE(replace_file(dir.path("root/run/file"), "precious", 0600));
    CHECK(listen(local("/run/file")).error().message() == "listen at /run/file: Address already in use");
    CHECK(read_file(dir.path("root/run/file")).value() == "precious");
    CHECK(listen(local("/run/")).error().message() == "/run/: not the name of a socket: invalid argument");
    std::uint16_t port = 0;
    auto busy = listen_tcp(port);
    CHECK(listen(tcp(port)).error().message() ==
          "listen at 127.0.0.1:" + std::to_string(port) + ": Address already in use");
    busy.reset();
    CHECK(listen(tcp(port)).value()->where().port == port);
    CHECK(listen(tcp(0)).value()->where().port != 0);
}

TEST_CASE_METHOD(service_fixture, "gates beyond the bound are refused", "[forward]") {
    std::vector<std::shared_ptr<gate>> gates;
    for (std::size_t i = 0; i < forward_service::max_gates; ++i) {
        gates.push_back(listen(local("/run/" + std::to_string(i))).value());
    }
    CHECK(listen(local("/run/x")).error().message() == "32 forwards listen already: resource exhausted");
    forwards.close();
}

TEST_CASE_METHOD(service_fixture, "with its owner goes what is the owner's", "[forward]") {
    auto listener = listen_in_root("/run/app.sock");
    auto gate = listen(local("/run/in.sock")).value();
    auto other = run(forwards.listen("db", local("/run/db.sock"), inside)).value();
    auto application = dial(dir.path("root/run/in.sock"));
    REQUIRE(run(gate->accept()));
    test::hand stream;
    auto link = connect(local("/run/app.sock"), stream).value();
    auto server = accept(listener);
    manual_time time;
    condition exit(ex());
    auto exits = [](condition& told) -> awaitable<void> { co_await told.wait(); };
    forwards.end_after("web", exits(exit));
    forwards.end_after("web", exits(exit));
    poll();
    exit.notify_all();
    poll();
    CHECK(run(gate->accept()).error().message() == "container web has ended: failed precondition");
    CHECK(application.read() == "(end)");
    // What still comes is delivered; silence is the end.
    time.advance(forward_service::late_silence - std::chrono::milliseconds(1));
    poll();
    server.write("last");
    poll();
    CHECK(stream.read() == "last");
    time.advance(std::chrono::milliseconds(1));
    poll();
    CHECK_FALSE(link->is_over());
    time.advance(forward_service::late_silence);
    poll();
    CHECK(link->is_over());
    CHECK(forwards.counters().gates == 1);
}

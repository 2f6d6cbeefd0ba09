// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <filesystem>
#include <map>
#include <thread>

#include "port_spec.hpp"
#include "program.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/local_socket.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/forward/relay.hpp"
#include "vminit/forward/v1/forward.ttrpc.hpp"
#include "vminit/streams/stream_service.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
namespace fs = std::filesystem;

namespace {

namespace wire = vminit::forward::v1;
using forward::relay;
using ttrpc::call_context;
using request_reader = ttrpc::reader<wire::ConnectRequest>;
using end_writer = ttrpc::writer<wire::Written>;

std::string name_of(const wire::Place& place) {
    return place.path().empty() ? place.address() + ":" + std::to_string(place.port()) : place.path();
}

class fake_forward : public wire::ForwardService {
public:
    fake_forward(test::program& of, std::vector<std::uint64_t> incoming)
        : guest_(of.guest),
          streams_(asio::use_service<streams::stream_service>(of.io.ctx)),
          incoming_(std::move(incoming)),
          tasks_(of.io.ex(), of.io.log()) {}

    std::map<std::string, unique_fd>
        servers;  ///< the container's side, by what was asked for: `80`, `/run/x.sock`, `#1`

    awaitable<result<void>> Connect(call_context&, request_reader& input, end_writer& output) override {
        auto request = co_await input.read();
        if (!request || !*request) co_return error(errc::invalid_argument, "no request");
        const auto& asked = **request;
        auto what = asked.has_to() ? name_of(asked.to()) : "#" + std::to_string(asked.incoming());
        if (auto failure = guest_.note("Connect", what + (asked.stream().empty() ? " refused" : "")))
            co_return *failure;
        if (asked.stream().empty()) co_return result<void>();
        auto stream = streams_.claim(asked.stream());
        if (!stream) co_return stream.error();
        auto pair = ttrpc::connected_pair(guest_.ex()).value();
        auto link = std::make_shared<relay>(guest_.ex(), std::move(pair.first), std::move(*stream),
                                            std::make_shared<streams::copy_buffer>(), forward::end_of_stream::told);
        link->start(tasks_);
        wire::Written message;
        if (auto written = co_await output.write(message); !written) co_return written.error();
        servers[what] = std::move(pair.second);
        using namespace asio::experimental::awaitable_operators;
        co_await (take_end(*link, input) || tell_end(*link, output));
        link->close();
        co_return result<void>();
    }

    awaitable<result<void>> Listen(call_context&, wire::Place request, ttrpc::writer<wire::Incoming>& output) override {
        if (auto failure = guest_.note("Listen", name_of(request))) co_return *failure;
        wire::Incoming message;
        if (auto written = co_await output.write(message); !written) co_return written.error();
        for (auto number : incoming_) {
            message.set_connection(number);
            if (auto written = co_await output.write(message); !written) co_return written.error();
        }
        co_await sleep_for(std::chrono::hours(1));
        co_return result<void>();
    }

private:
    static awaitable<void> take_end(relay& link, request_reader& input) {
        auto end = co_await input.read();
        if (end && *end) link.in_ends_at((*end)->written());
        co_await sleep_for(std::chrono::hours(1));
    }
    static awaitable<void> tell_end(relay& link, end_writer& output) {
        while (!link.out_end() && !link.is_over()) co_await link.changed();
        wire::Written message;
        message.set_bytes(link.out_end().value_or(0));
        (void)co_await output.write(message);
        while (!link.is_over()) co_await link.changed();
        co_await link.stream_closed();
    }

    test::fake_guest& guest_;
    streams::stream_service& streams_;
    std::vector<std::uint64_t> incoming_;
    task_group tasks_;
};

/// The program, with a guest that forwards.
struct console : test::program {
    explicit console(std::vector<std::uint64_t> incoming = {})
        : forwards(std::make_shared<fake_forward>(*this, std::move(incoming))) {
        REQUIRE(asio::use_service<streams::stream_service>(io.ctx).listen(
            ttrpc::address::unix_socket(dir.path("streams"))));
        asio::use_service<ttrpc::server_service>(io.ctx).add(forwards);
        REQUIRE(guest.add_process("web", "", "", "", ""));
    }

    int port(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"port", "--stream-address", "unix://" + dir.path("streams")});
        guest.start_process("web", "");
        return run(std::move(arguments));
    }

    /// Until the client has come so far.
    awaitable<void> until(std::function<bool()> is_met) {
        timer pause(io.ex());
        while (!is_met()) {
            pause.expires_after(std::chrono::milliseconds(1));
            co_await pause.async_wait(as_tuple_awaitable);
        }
    }
    awaitable<unique_fd> server(std::string name) {
        std::function<bool()> is_there = [this, name] { return forwards->servers.contains(name); };
        co_await until(std::move(is_there));
        co_return std::move(forwards->servers[name]);
    }
    awaitable<std::string> read_to_end(ttrpc::stream_socket& from) {
        std::string all;
        for (std::array<char, 100> block;;) {
            auto [failure, count] = co_await from.async_read_some(asio::buffer(block), as_tuple_awaitable);
            if (failure) break;
            all.append(block.data(), count);
        }
        co_return all;
    }

    test::temporary_directory dir;
    std::shared_ptr<fake_forward> forwards;
};

std::string read_as(const std::string& text) {
    auto spec = parse_port_spec(text);
    return spec ? spec->host.to_string() + " " + spec->container.to_string() : "";
}

std::string read_to_end(int fd) {
    std::string block(1000, ' '), all;
    for (ssize_t count; (count = ::read(fd, block.data(), block.size())) > 0;) {
        all.append(block, 0, static_cast<std::size_t>(count));
    }
    return all;
}

/// An application beside the client: what it writes, and what it gets until the end.
struct application {
    application(std::string where, std::string text) {
        work = std::thread([this, where, text] {
            auto fd = open_local_socket().value();
            auto name = local_address(where).value();
            // The client may not listen yet.
            while (::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) std::this_thread::yield();
            (void)!::write(fd.get(), text.data(), text.size());
            ::shutdown(fd.get(), SHUT_WR);
            answer = read_to_end(fd.get());
        });
    }
    ~application() { end(); }
    std::string end() {
        if (work.joinable()) work.join();
        return answer;
    }
    std::string answer;
    std::thread work;
};

}  // namespace

TEST_CASE("a forward is written as people know it", "[vminitctl]") {
    CHECK(read_as("80") == "127.0.0.1:80 127.0.0.1:80");
    CHECK(read_as("8080:80") == "127.0.0.1:8080 127.0.0.1:80");
    CHECK(read_as("0:80") == "127.0.0.1:0 127.0.0.1:80");
    CHECK(read_as("0.0.0.0:8080:80") == "0.0.0.0:8080 127.0.0.1:80");
    CHECK(read_as("8080:10.0.0.2:80") == "127.0.0.1:8080 10.0.0.2:80");
    CHECK(read_as("localhost:8080:localhost:80") == "127.0.0.1:8080 127.0.0.1:80");
    CHECK(read_as("[::1]:8080:[fe80::1]:80") == "[::1]:8080 [fe80::1]:80");
    CHECK(read_as("/tmp/a.sock:/run/b.sock") == "/tmp/a.sock /run/b.sock");
    CHECK(read_as("./a.sock:80") == "./a.sock 127.0.0.1:80");
    CHECK(read_as("8080:/run/b.sock") == "127.0.0.1:8080 /run/b.sock");
}

TEST_CASE("what is no forward is refused with its text", "[vminitctl]") {
    for (auto text : {"", ":", "80:", ":80", "x", "x:80", "80:80:80", "8080:80:", "70000:80", "-1:80", "1.2.3.4:80",
                      "/a.sock", "[::1:80", "[::1]80:80", "80:[::1]", "8080:1.2.3.4", "80:80:80:80:80", "80 :80"}) {
        INFO(text);
        auto refused = parse_port_spec(text);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().context() ==
              "\"" + std::string(text) + "\" is not [HOST:]CONTAINER, each a PORT, ADDRESS:PORT or a path with a /");
    }
    CHECK(parse_port_spec("8080:0").error().context() == "\"8080:0\": a container's port is 1 to 65535");
    CHECK(parse_port_spec("80:./b.sock").error().context() == "\"80:./b.sock\": a path in a container begins with /");
}

TEST_CASE("port carries a connection to a container, each way to its end", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [&](test::fake_process&) -> awaitable<std::uint32_t> {
        auto inside = co_await terminal.server("127.0.0.1:80");
        auto server = ttrpc::adopt_socket(terminal.io.ex(), std::move(inside)).value();
        auto answer = "re: " + co_await terminal.read_to_end(server);
        error_code ignored;
        server.write_some(asio::buffer(answer), ignored);
        co_return 0;
    };
    auto here = terminal.dir.path("web.sock");
    application there(here, "question");
    CHECK(terminal.port({"web", here + ":80"}) == 0);
    CHECK(there.end() == "re: question");
    CHECK(terminal.output.out_text() == here + " -> web 127.0.0.1:80\n");
    CHECK(terminal.output.err_text() == "vminitctl: warning: container web has ended\n");
    CHECK_FALSE(fs::exists(here));
}

TEST_CASE("port says what goes wrong", "[vminitctl]") {
    console terminal;
    auto busy = terminal.dir.path("busy.sock");
    terminal.guest.failures["State"] = error(errc::not_found, "container not created");
    CHECK(terminal.run({"port", "web", "80"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: not found: container not created\n");
    terminal.guest.failures.clear();
    auto listener = listen_at(busy, 1).value();
    CHECK(terminal.run({"port", "web", busy + ":80"}) == exit_failure);
    CHECK(terminal.output.err_text().find("listen at " + busy + ": Address already in use\n") != std::string::npos);
    CHECK(fs::exists(busy));
    terminal.guest.failures["Listen"] = error(errc::failed_precondition, "container web is not running");
    CHECK(terminal.run({"port", "-R", "web", "80"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: failed precondition: container web is not running\n");
}

TEST_CASE("a connection that cannot be made ends alone, with a line", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["Connect"] = error(errc::unknown, "connect 127.0.0.1:80: Connection refused");
    terminal.guest.process = [&](test::fake_process&) -> awaitable<std::uint32_t> {
        std::function<bool()> is_asked = [&] { return terminal.guest.has_call("Connect 127.0.0.1:80"); };
        co_await terminal.until(std::move(is_asked));
        co_return 0;
    };
    auto here = terminal.dir.path("web.sock");
    application there(here, "question");
    CHECK(terminal.port({"web", here + ":80"}) == 0);
    CHECK(there.end() == "");
    CHECK(terminal.output.err_text().find("connect 127.0.0.1:80: Connection refused\n") != std::string::npos);
}

TEST_CASE("port --reverse carries what comes in the container to this machine", "[vminitctl]") {
    console terminal({1});
    auto host = terminal.dir.path("host.sock");
    auto listener = listen_at(host, 8).value();
    std::string got;
    terminal.guest.process = [&](test::fake_process&) -> awaitable<std::uint32_t> {
        auto inside = co_await terminal.server("#1");
        (void)!::write(inside.get(), "key?", 4);
        ::shutdown(inside.get(), SHUT_WR);
        unique_fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        auto agent = ttrpc::adopt_socket(terminal.io.ex(), std::move(accepted)).value();
        got = co_await terminal.read_to_end(agent);
        co_return 0;
    };
    CHECK(terminal.port({"-R", "--json", "web", host + ":/run/agent.sock"}) == 0);
    CHECK(got == "key?");
    CHECK(terminal.output.out_text() ==
          "{\"id\":\"web\",\"host\":\"" + host + "\",\"container\":\"/run/agent.sock\",\"reverse\":true}\n");
}

TEST_CASE("what a container asks for that is not there is refused to it", "[vminitctl]") {
    console terminal({4});
    terminal.guest.process = [&](test::fake_process&) -> awaitable<std::uint32_t> {
        std::function<bool()> is_refused = [&] { return terminal.guest.has_call("Connect #4 refused"); };
        co_await terminal.until(std::move(is_refused));
        co_return 0;
    };
    CHECK(terminal.port({"-R", "web", terminal.dir.path("none.sock") + ":81"}) == 0);
    CHECK(terminal.output.err_text().find("none.sock: No such file or directory") != std::string::npos);
}

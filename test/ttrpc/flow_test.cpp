// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "support/io_fixture.hpp"
#include "ttrpc/fixture_service.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/server_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

// Both ends are ours, over a Unix socket pair.
struct both_ends : io_fixture {
    both_ends() {
        auto pair = vminit::ttrpc::connected_pair(ex());
        REQUIRE(pair);
        auto other = vminit::ttrpc::adopt_socket(ex(), std::move(pair->second), AF_UNIX);
        REQUIRE(other);
        server.add(std::make_shared<fixture_service>());
        server.serve(std::move(pair->first), vminit::ttrpc::peer_identity());
        connection.emplace(std::move(*other), log());
        stub.emplace(*connection);
    }

    ~both_ends() {
        tasks.stop();
        connection->close();
        server.close();
        poll();
    }

    awaitable<void> echo(std::string text) {
        auto answer = co_await stub->Echo(payload(1, std::move(text)));
        ++ended;
        if (answer) bytes += answer->msg().size();
    }

    using duplex = vminit::ttrpc::duplex_stream<t::EchoPayload, t::EchoPayload>;

    awaitable<void> write_all(duplex& stream, int count, std::string text) {
        for (int i = 0; i < count; ++i) {
            auto written = co_await stream.write(payload(i, text));
            if (!written) break;
        }
        [[maybe_unused]] auto closed = stream.close_send();
    }

    awaitable<void> read_all(duplex& stream) {
        for (;;) {
            auto answer = co_await stream.read();
            if (!answer || !*answer) break;
            bytes += (*answer)->msg().size();
        }
        ++ended;
    }

    vminit::ttrpc::server_service& server = asio::use_service<vminit::ttrpc::server_service>(ctx);
    std::optional<vminit::ttrpc::client> connection;
    std::optional<t::SClient> stub;
    task_group tasks{ex(), log()};
    unsigned ended = 0;
    std::size_t bytes = 0;
};

constexpr std::size_t chunk = std::size_t{64} << 10;

}  // namespace

TEST_CASE_METHOD(both_ends, "many large calls at once do not stop the two ends", "[ttrpc]") {
    constexpr unsigned calls = 128;
    for (unsigned i = 0; i < calls; ++i) tasks.spawn("echo", echo(std::string(chunk, 'a')));
    pump([&] { return ended == calls; });
    CHECK(bytes == calls * chunk);
}

TEST_CASE_METHOD(both_ends, "eight megabytes go both ways at once through a stream", "[ttrpc]") {
    constexpr int messages = 128;
    auto stream = stub->Bidi();
    REQUIRE(stream);
    tasks.spawn("write", write_all(*stream, messages, std::string(chunk, 'a')));
    tasks.spawn("read", read_all(*stream));
    pump([&] { return ended == 1; });
    CHECK(bytes == messages * chunk);
}

TEST_CASE_METHOD(both_ends, "small messages written without a pause are all echoed", "[ttrpc]") {
    auto stream = stub->Bidi();
    REQUIRE(stream);
    tasks.spawn("write", write_all(*stream, 50000, "0123456789"));
    tasks.spawn("read", read_all(*stream));
    pump([&] { return ended == 1; });
    CHECK(bytes == 500000);
}

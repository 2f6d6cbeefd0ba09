// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp_client.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::vmm;
using namespace std::chrono_literals;

namespace {

constexpr auto ample = 60s;  // only so that a failure ends

/// QEMU's end of a monitor, written beforehand: the client's requests need not be read to be answered.
struct monitor : io_fixture {
    monitor() {
        auto pair = ttrpc::connected_pair(ex());
        REQUIRE(pair);
        peer = std::move(pair->second);
        client = std::make_unique<qmp_client>(
            ctx, std::move(pair->first),
            [this](std::string_view name, std::string_view) { events.emplace_back(name); });
    }
    void say(std::string_view text) { REQUIRE(syscalls::write_all(peer.get(), text, "peer")); }

    /// What the client has sent so far.
    std::string heard() {
        std::string text(4096, '\0');
        auto count = ::recv(peer.get(), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

    unique_fd peer;
    std::unique_ptr<qmp_client> client;
    std::vector<std::string> events;
};

constexpr auto greeting = "{\"QMP\":{\"version\":{}}}\r\n";

}  // namespace

TEST_CASE_METHOD(monitor, "QMP begins with a greeting", "[vmm]") {
    SECTION("which is taken") {
        say(std::string(greeting) + "{\"return\":{},\"id\":1}\r\n");
        CHECK(run(client->negotiate(ample)));
        CHECK(heard() == "{\"execute\":\"qmp_capabilities\",\"arguments\":{},\"id\":1}\n");
    }
    SECTION("and is no QMP without it") {
        say("{\"return\":{},\"id\":1}\r\n");
        auto agreed = run(client->negotiate(ample));
        REQUIRE_FALSE(agreed);
        CHECK(agreed.error().kind() == errc::internal);
    }
}

TEST_CASE_METHOD(monitor, "answers find their commands by number, in any pieces and order", "[vmm]") {
    std::string all =
        "{\"event\":\"RESUME\",\"data\":{}}\r\nnot JSON\r\n{\"return\":{\"x\":9},\"id\":77}\r\n"
        "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no such device\"},\"id\":1}\r\n";
    say(all.substr(0, 40));
    say(all.substr(40));
    auto refused = run(client->execute("device_del", "{\"id\":\"d\"}", ample));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "QMP device_del: no such device");
    say("{\"return\":{\"status\":\"running\"},\"id\":2}\r\n");
    auto status = run(client->execute("query-status", {}, ample));
    REQUIRE(status);
    CHECK(status->at("status").as_string() == "running");
    CHECK(events == std::vector<std::string>{"RESUME"});
}

TEST_CASE_METHOD(monitor, "a monitor that goes away fails what waits and what comes", "[vmm]") {
    say(greeting);
    SECTION("by its end") { peer = unique_fd(); }
    SECTION("by a line without end") {
        std::string endless(64 * 1024, 'x');
        auto flood = [&] {
            // Non-blocking: the client stops reading when it has had enough.
            while (::send(peer.get(), endless.data(), endless.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) poll();
        };
        flood();
    }
    auto answered = run(client->execute("stop", {}, ample));
    REQUIRE_FALSE(answered);
    CHECK(answered.error().kind() == errc::unavailable);
    auto again = run(client->execute("cont", {}, ample));
    REQUIRE_FALSE(again);
    CHECK(again.error().kind() == errc::unavailable);
}

TEST_CASE_METHOD(monitor, "a monitor that does not answer is given up at the limit", "[vmm]") {
    manual_time time;
    bool is_over = false;
    auto ask = [](qmp_client& asked, bool& over) -> awaitable<void> {
        auto answered = co_await asked.execute("stop", {}, 5s);
        CHECK_FALSE(answered);
        CHECK(answered.error().kind() == errc::deadline_exceeded);
        over = true;
    };
    asio::co_spawn(ex(), ask(*client, is_over), [](std::exception_ptr) {});
    poll();
    CHECK_FALSE(is_over);
    time.advance(5s);
    poll();
    CHECK(is_over);
}

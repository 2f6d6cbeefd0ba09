// SPDX-License-Identifier: Apache-2.0
#include "vminit/events/exchange_service.hpp"

#include <optional>
#include <string>
#include <utility>

#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::events;
using namespace std::chrono_literals;

namespace {

class exchange_fixture : public test::io_fixture {
public:
    exchange_fixture() : exchange(asio::use_service<exchange_service>(ctx)), tasks(ex(), log()) {}

    std::uint64_t publish_start(std::string id) { return exchange.publish(task_start{std::move(id), 5}); }

    result<std::shared_ptr<const envelope>> next(subscription& from) { return run(from.next()); }

    /// Reads until the stream ends, noting container ids and the end.
    static awaitable<void> listen(subscription& from, std::string& heard) {
        for (;;) {
            auto event = co_await from.next();
            if (!event) {
                heard += "[" + event.error().message() + "]";
                co_return;
            }
            heard += std::get<task_start>((*event)->event).container_id;
        }
    }

    exchange_service& exchange;
    task_group tasks;
};

}  // namespace

TEST_CASE_METHOD(exchange_fixture, "an envelope carries number, time, topic and the event", "[events]") {
    auto before = wall_now();
    CHECK(publish_start("a") == 1);
    CHECK(publish_start("b") == 2);
    auto mine = exchange.subscribe();
    auto event = next(mine);
    REQUIRE(event);
    CHECK((*event)->sequence == 1);
    CHECK((*event)->timestamp >= before);
    CHECK((*event)->timestamp <= wall_now());
    CHECK((*event)->topic() == "/tasks/start");
    CHECK(std::get<task_start>((*event)->event).container_id == "a");
    CHECK(has_line("event published topic=/tasks/start sequence=2"));
}

TEST_CASE_METHOD(exchange_fixture, "a waiting subscriber wakes for each event", "[events]") {
    auto mine = exchange.subscribe();
    std::string heard;
    tasks.spawn("listener", listen(mine, heard));
    poll();
    publish_start("a");
    poll();
    CHECK(heard == "a");
    publish_start("b");
    publish_start("c");
    poll();
    CHECK(heard == "abc");
    tasks.stop();
    poll();
    CHECK(tasks.size() == 0);
}

TEST_CASE_METHOD(exchange_fixture, "a subscription destroyed while sending gives the event back", "[events]") {
    auto first = exchange.subscribe();
    publish_start("a");
    publish_start("b");
    REQUIRE(next(first));
    first = subscription();
    CHECK(exchange.counters().held == 2);
    auto second = exchange.subscribe();
    CHECK(std::get<task_start>(next(second).value()->event).container_id == "a");
}

TEST_CASE_METHOD(exchange_fixture, "a send that failed is tried again", "[events]") {
    auto mine = exchange.subscribe();
    publish_start("a");
    auto event = next(mine).value();
    mine.requeue(event);
    CHECK(next(mine).value() == event);
    CHECK(mine.behind() == 0);
}

TEST_CASE_METHOD(exchange_fixture, "one that does not listen is cut off with a clear status, and the rest goes on",
                 "[events]") {
    auto silent = exchange.subscribe();
    auto listening = exchange.subscribe();
    for (std::size_t i = 0; i <= exchange_service::max_behind; ++i) {
        publish_start("a");
        REQUIRE(next(listening));
    }
    auto refused = next(silent);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::resource_exhausted);
    CHECK(refused.error().message() == "event subscriber is more than 4096 events behind: resource exhausted");
    CHECK(exchange.counters().cut_off == 1);
}

TEST_CASE_METHOD(exchange_fixture, "a loss is logged when it begins and counted when somebody listens again",
                 "[events]") {
    for (std::size_t i = 0; i < exchange_service::max_held + 3; ++i) publish_start("a");
    CHECK(has_line("events are being lost, nobody takes them"));
    CHECK(exchange.counters().held == exchange_service::max_held);
    CHECK(exchange.counters().lost == 3);
    auto mine = exchange.subscribe();
    CHECK(has_line("events were lost before this subscriber came count=3"));
    CHECK(next(mine).value()->sequence == 4);
}

TEST_CASE_METHOD(exchange_fixture, "a number of another boot is refused", "[events]") {
    publish_start("a");
    auto mine = exchange.subscribe({17, true});
    auto refused = next(mine);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "resume behind an event that was never published: out of range");
}

TEST_CASE_METHOD(exchange_fixture, "closing lets subscribers have what is queued", "[events]") {
    auto mine = exchange.subscribe();
    publish_start("a");
    std::string heard;
    exchange.close();
    run(listen(mine, heard));
    CHECK(heard == "a[event exchange is closed: unavailable]");
    CHECK(publish_start("b") == 2);
}

TEST_CASE_METHOD(exchange_fixture, "draining waits for the subscribers, not longer than the limit", "[events]") {
    manual_time time;
    auto mine = exchange.subscribe();
    CHECK(run(exchange.drain(1s)));
    publish_start("a");
    std::optional<bool> drained;
    auto note = [](exchange_service& from, std::optional<bool>& outcome) -> awaitable<void> {
        outcome = co_await from.drain(1s);
    };
    SECTION("the limit passes") {
        tasks.spawn("drain", note(exchange, drained));
        poll();
        CHECK_FALSE(drained);
        time.advance(1s);
        poll();
        CHECK(drained == false);
    }
    SECTION("the last event is sent") {
        tasks.spawn("drain", note(exchange, drained));
        poll();
        REQUIRE(next(mine));
        poll();
        CHECK_FALSE(drained);
        std::string heard;
        tasks.spawn("listener", listen(mine, heard));
        poll();
        CHECK(drained == true);
        tasks.stop();
        poll();
    }
}

TEST_CASE("subscriptions outlive the context harmlessly", "[events]") {
    subscription kept;
    {
        exchange_fixture fixture;
        kept = fixture.exchange.subscribe();
        fixture.publish_start("a");
        static std::string heard;
        fixture.tasks.spawn("listener", exchange_fixture::listen(kept, heard));
    }
    CHECK(kept);
}

TEST_CASE_METHOD(exchange_fixture, "events are counted by topic, other layers' own under one", "[events]") {
    CHECK(exchange.topics().empty());
    publish_start("a");
    publish_start("b");
    exchange.publish(task_oom{"a"});
    exchange.publish(foreign_event{"/vminit/one", "t.One", ""});
    exchange.publish(foreign_event{"/vminit/two", "t.Two", ""});
    std::string seen;
    for (const auto& count : exchange.topics())
        seen += std::string(count.topic) + " " + std::to_string(count.published) + "\n";
    CHECK(seen == "/tasks/start 2\n/tasks/oom 1\n/vminit 2\n");
}

TEST_CASE_METHOD(exchange_fixture, "what is held for later readers only is not undelivered", "[events]") {
    publish_start("a");
    CHECK(exchange.counters().undelivered == 1);
    auto plain = exchange.subscribe();
    std::string heard;
    tasks.spawn("listener", listen(plain, heard));
    poll();
    tasks.stop();
    poll();
    plain = subscription();
    auto numbered = exchange.subscribe(subscribe_options(1, false));
    publish_start("b");
    REQUIRE(next(numbered));
    publish_start("c");
    REQUIRE(next(numbered));
    auto counters = exchange.counters();
    CHECK(counters.held > 0);
    CHECK(counters.undelivered == 0);
}

TEST_CASE_METHOD(exchange_fixture, "until it is acknowledged an event is undelivered", "[events]") {
    publish_start("a");
    auto numbered = exchange.subscribe(subscribe_options(0, true));
    auto first = next(numbered);
    REQUIRE(first);
    CHECK(exchange.counters().undelivered == 1);
    numbered.acknowledge((*first)->sequence);
    CHECK(exchange.counters().undelivered == 0);
}

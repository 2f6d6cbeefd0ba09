// SPDX-License-Identifier: Apache-2.0
#include "events/event_ledger.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace vminit;
using namespace vminit::events;

namespace {

constexpr wall_time now{std::chrono::seconds(1000)};

class ledger_fixture {
public:
    ledger_fixture() : ledger(4, 8) {}

    void publish(int count) {
        for (int i = 0; i < count; ++i) ledger.publish(task_start{"c", 1}, now);
    }
    std::uint64_t plain() { return ledger.add({}, now); }
    std::uint64_t acknowledging(std::uint64_t after = 0) { return ledger.add({after, true}, now); }

    std::uint64_t observing(std::uint64_t after = 0) { return ledger.add({after, false, true}, now); }

    /// What a subscriber gets until there is nothing: `1 2 lost:3-4 5`, and why it ends if not for want of events.
    std::string drain(std::uint64_t id) {
        std::string text;
        for (;;) {
            auto taken = ledger.take(id);
            if (taken.what == event_ledger::answer::nothing) return text;
            if (!text.empty()) text += " ";
            if (taken.what == event_ledger::answer::cut_off) return text + "cut off";
            if (taken.what == event_ledger::answer::ahead) return text + "ahead";
            if (const auto* lost = std::get_if<events_lost>(&taken.event->event)) {
                text += "lost:" + std::to_string(lost->first) + "-" + std::to_string(lost->last);
            } else {
                text += std::to_string(taken.event->sequence);
            }
        }
    }

    event_ledger ledger;
};

}  // namespace

TEST_CASE_METHOD(ledger_fixture, "events are numbered from 1 and reach every subscriber in order", "[events]") {
    auto first = plain();
    publish(2);
    auto second = plain();
    publish(1);
    CHECK(drain(first) == "1 2 3");
    CHECK(drain(second) == "3");
    CHECK(ledger.published() == 3);
    CHECK(ledger.held() == 0);
}

TEST_CASE_METHOD(ledger_fixture, "what is published while nobody listens goes to the next subscriber, once",
                 "[events]") {
    publish(3);
    CHECK(ledger.held() == 3);
    auto first = plain();
    auto second = plain();
    publish(1);
    CHECK(drain(first) == "1 2 3 4");
    CHECK(drain(second) == "4");
}

TEST_CASE_METHOD(ledger_fixture, "while nobody listens only the newest are held, and the loss is counted", "[events]") {
    publish(6);
    CHECK(drain(plain()) == "3 4 5 6");
    CHECK(ledger.lost() == 2);
    SECTION("a numbered subscriber is told in the place of the gap") { CHECK(drain(acknowledging()) == "lost:1-2"); }
}

TEST_CASE_METHOD(ledger_fixture, "a gap is told once", "[events]") {
    publish(6);
    auto first = acknowledging();
    CHECK(drain(first) == "lost:1-2 3 4 5 6");
    ledger.acknowledge(first, 6);
    ledger.remove(first);
    CHECK(drain(acknowledging()) == "");
}

TEST_CASE_METHOD(ledger_fixture, "what a leaving subscriber had not sent goes to the next one", "[events]") {
    auto first = plain();
    publish(3);
    ledger.take(first);
    ledger.take(first);
    SECTION("with the one in its hand") {
        ledger.remove(first);
        CHECK(drain(plain()) == "2 3");
    }
    SECTION("also when it had put that one back itself") {
        auto taken = ledger.take(first);
        ledger.requeue(first, taken.event);
        CHECK(drain(first) == "3");
    }
    SECTION("a requeue of something else changes nothing") {
        ledger.requeue(first, nullptr);
        ledger.requeue(first, std::make_shared<const envelope>(2, now, task_oom{"c"}));
        CHECK(drain(first) == "3");
    }
}

TEST_CASE_METHOD(ledger_fixture, "a reconnect that overlaps the broken connection loses nothing and repeats nothing",
                 "[events]") {
    auto broken = plain();
    publish(2);
    auto fresh = plain();
    publish(1);
    ledger.take(broken);
    ledger.remove(broken);
    CHECK(drain(fresh) == "1 2 3");
}

TEST_CASE_METHOD(ledger_fixture, "what another subscriber has got is not kept for a third", "[events]") {
    auto first = plain();
    auto second = plain();
    publish(2);
    CHECK(drain(first) == "1 2");
    ledger.remove(second);
    ledger.remove(first);
    CHECK(drain(plain()) == "");
}

TEST_CASE_METHOD(ledger_fixture, "a subscriber too far behind is cut off, and what it had goes to the next",
                 "[events]") {
    auto slow = plain();
    publish(8);
    CHECK(ledger.behind(slow) == 8);
    CHECK(ledger.cut_off() == 0);
    publish(1);
    CHECK(ledger.cut_off() == 1);
    CHECK(drain(slow) == "cut off");
    publish(1);
    CHECK(drain(slow) == "cut off");
    CHECK(drain(acknowledging()) == "lost:1-6 7 8 9 10");
}

TEST_CASE_METHOD(ledger_fixture, "one that is cut off does not disturb the others", "[events]") {
    auto slow = plain();
    auto quick = plain();
    for (int i = 0; i < 9; ++i) {
        publish(1);
        CHECK(drain(quick) == std::to_string(i + 1));
    }
    CHECK(drain(slow) == "cut off");
    ledger.remove(slow);
    publish(1);
    CHECK(drain(quick) == "10");
}

TEST_CASE_METHOD(ledger_fixture, "unacknowledged events are delivered again to the next that asks", "[events]") {
    auto first = acknowledging();
    publish(4);
    CHECK(drain(first) == "1 2 3 4");
    ledger.acknowledge(first, 2);
    ledger.remove(first);
    SECTION("to one that acknowledges") { CHECK(drain(acknowledging()) == "3 4"); }
    SECTION("to one that resumes") { CHECK(drain(ledger.add({2, false}, now)) == "3 4"); }
    SECTION("not to a plain one, which would take them for new") {
        CHECK(drain(plain()) == "");
        CHECK(drain(acknowledging()) == "3 4");
    }
}

TEST_CASE_METHOD(ledger_fixture, "an observer gets copies and changes nothing", "[events]") {
    SECTION("what it gets while nobody else listens is held") {
        auto watching = observing();
        publish(3);
        CHECK(drain(watching) == "1 2 3");
        CHECK(ledger.undelivered() == 3);
        CHECK(ledger.subscribers() == 0);
        CHECK(drain(plain()) == "1 2 3");
    }
    SECTION("what was held stays held") {
        publish(6);
        CHECK(drain(observing()) == "3 4 5 6");
        CHECK(drain(observing(4)) == "5 6");
        CHECK(drain(observing(1)) == "lost:2-2 3 4 5 6");
        CHECK(drain(acknowledging()) == "lost:1-2 3 4 5 6");
    }
    SECTION("what is lost while it looks on is counted") {
        auto watching = observing();
        publish(6);
        CHECK(drain(watching) == "1 2 3 4 5 6");
        CHECK(ledger.lost() == 2);
    }
    SECTION("what a leaving subscriber had not sent is not for it") {
        auto host = plain();
        auto watching = observing();
        publish(2);
        ledger.remove(host);
        CHECK(drain(watching) == "1 2");
        CHECK(drain(plain()) == "1 2");
    }
    SECTION("it gives nothing back") {
        auto host = plain();
        auto watching = observing();
        publish(2);
        CHECK(drain(host) == "1 2");
        ledger.take(watching);
        ledger.remove(watching);
        CHECK(drain(plain()) == "");
        CHECK(ledger.held() == 0);
    }
    SECTION("it acknowledges nothing") {
        auto host = acknowledging();
        auto watching = ledger.add({0, true, true}, now);
        publish(2);
        drain(host);
        drain(watching);
        ledger.acknowledge(watching, 2);
        ledger.remove(host);
        CHECK(drain(acknowledging()) == "1 2");
    }
    SECTION("it is cut off when it is too far behind") {
        auto watching = observing();
        publish(9);
        CHECK(drain(watching) == "cut off");
        CHECK(drain(plain()) == "6 7 8 9");
    }
}

TEST_CASE_METHOD(ledger_fixture, "a numbered subscriber that does not acknowledge leaves what is kept as it is",
                 "[events]") {
    SECTION("undelivered") {
        publish(3);
        auto resumed = ledger.add({1, false}, now);
        CHECK(drain(resumed) == "2 3");
        CHECK(ledger.undelivered() == 3);
        CHECK(drain(plain()) == "1 2 3");
    }
    SECTION("unacknowledged by another") {
        auto host = acknowledging();
        publish(3);
        CHECK(drain(host) == "1 2 3");
        ledger.remove(host);
        CHECK(drain(ledger.add({2, false}, now)) == "3");
        CHECK(drain(acknowledging()) == "1 2 3");
    }
    SECTION("delivered, when it leaves before it has sent it") {
        ledger.add({0, true}, now);  // so that there is a history
        ledger.remove(1);
        auto host = plain();
        publish(3);
        CHECK(drain(host) == "1 2 3");
        ledger.remove(host);
        ledger.remove(ledger.add({1, false}, now));
        CHECK(drain(plain()) == "");
    }
    SECTION("with another that has not sent it") {
        auto host = plain();
        publish(3);
        auto resumed = ledger.add({1, false}, now);
        ledger.remove(host);
        CHECK(drain(resumed) == "2 3");
        CHECK(drain(plain()) == "1");
    }
    SECTION("with another, and both leave before they send it") {
        auto host = plain();
        publish(3);
        auto resumed = ledger.add({1, false}, now);
        ledger.remove(host);
        ledger.remove(resumed);
        CHECK(drain(plain()) == "1 2 3");
    }
}

TEST_CASE_METHOD(ledger_fixture, "a subscriber may say later how it wants its events", "[events]") {
    publish(3);
    auto one = plain();
    publish(1);
    SECTION("as an observer: hosts get them") {
        ledger.refine(one, {0, false, true}, now);
        CHECK(drain(one) == "1 2 3 4");
        CHECK(drain(plain()) == "1 2 3 4");
    }
    SECTION("resuming") {
        ledger.refine(one, {2, true}, now);
        CHECK(drain(one) == "3 4");
    }
    SECTION("what it has in hand is not taken again") {
        ledger.take(one);
        ledger.refine(one, {0, true}, now);
        CHECK(drain(one) == "2 3 4");
        ledger.remove(one);
        CHECK(drain(acknowledging()) == "1 2 3 4");
    }
    SECTION("and what it cannot send is offered again") {
        auto taken = ledger.take(one);
        ledger.refine(one, {0, true}, now);
        ledger.requeue(one, taken.event);
        CHECK(drain(one) == "1 2 3 4");
    }
}

TEST_CASE_METHOD(ledger_fixture, "only what was delivered can be acknowledged", "[events]") {
    auto first = acknowledging();
    publish(3);
    ledger.take(first);
    ledger.acknowledge(first, 100);
    CHECK(ledger.held() == 2);
    ledger.remove(first);
    CHECK(drain(plain()) == "2 3");
}

TEST_CASE_METHOD(ledger_fixture, "an event is kept until every living subscriber that acknowledges has done so",
                 "[events]") {
    auto first = acknowledging();
    auto second = acknowledging();
    publish(2);
    drain(first);
    drain(second);
    ledger.acknowledge(first, 2);
    CHECK(ledger.held() == 2);
    ledger.acknowledge(second, 1);
    CHECK(ledger.held() == 1);
    ledger.acknowledge(second, 2);
    CHECK(ledger.held() == 0);
}

TEST_CASE_METHOD(ledger_fixture, "resuming skips what was had and tells what is gone", "[events]") {
    auto first = acknowledging();
    publish(6);  // the ring holds 3..6
    CHECK(drain(first) == "1 2 3 4 5 6");
    ledger.remove(first);
    CHECK(drain(ledger.add({4, false}, now)) == "5 6");
    CHECK(drain(ledger.add({1, false}, now)) == "lost:2-2 3 4 5 6");
    CHECK(drain(ledger.add({6, false}, now)) == "");
    CHECK(drain(ledger.add({7, false}, now)) == "ahead");
}

TEST_CASE_METHOD(ledger_fixture, "resuming behind events a plain subscriber has taken tells that they are gone",
                 "[events]") {
    auto first = plain();
    publish(5);
    CHECK(drain(first) == "1 2 3 4 5");
    ledger.remove(first);
    auto second = ledger.add({2, true}, now);
    CHECK(drain(second) == "lost:3-5");
    publish(1);
    CHECK(drain(second) == "6");
}

TEST_CASE_METHOD(ledger_fixture, "one that is ahead gets nothing and holds nothing back", "[events]") {
    auto ahead = ledger.add({9, true}, now);
    publish(1);
    CHECK(drain(ahead) == "ahead");
    CHECK(drain(plain()) == "1");
}

TEST_CASE_METHOD(ledger_fixture, "it is drained when each subscriber has asked for more after its last", "[events]") {
    CHECK(ledger.is_drained());
    auto first = plain();
    publish(1);
    CHECK_FALSE(ledger.is_drained());
    ledger.take(first);
    CHECK_FALSE(ledger.is_drained());
    ledger.take(first);
    CHECK(ledger.is_drained());
}

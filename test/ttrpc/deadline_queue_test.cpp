// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/deadline_queue.hpp"

#include <optional>
#include <vector>

#include "support/io_fixture.hpp"

using namespace vminit;
using namespace std::chrono_literals;
using vminit::ttrpc::deadline;
using vminit::ttrpc::deadline_queue;

namespace {

struct deadline_fixture : test::io_fixture {
    struct entry : deadline {
        entry(int number, std::vector<int>& order) : number(number), order(order) {}
        void on_deadline() override {
            order.push_back(number);
            if (also) also();
        }
        int number;
        std::vector<int>& order;
        std::function<void()> also;
    };

    void advance(clock::duration step) {
        time.advance(step);
        poll();
    }

    manual_time time;
    deadline_queue queue{ex()};
    std::vector<int> order;
    entry one{1, order};
    entry two{2, order};
    entry three{3, order};
};

}  // namespace

TEST_CASE_METHOD(deadline_fixture, "deadlines come in the order of their times", "[ttrpc]") {
    queue.set(one, clock::now() + 30s);
    queue.set(two, clock::now() + 10s);
    queue.set(three, clock::now() + 20s);
    advance(9s);
    CHECK(order.empty());
    advance(1s);
    CHECK(order == std::vector{2});
    advance(20s);
    CHECK(order == std::vector{2, 3, 1});
    advance(1h);
    CHECK(order.size() == 3);
}

TEST_CASE_METHOD(deadline_fixture, "a deadline may be moved and called off", "[ttrpc]") {
    queue.set(one, clock::now() + 10s);
    queue.set(two, clock::now() + 10s);
    queue.set(one, clock::now() + 40s);
    queue.clear(two);
    queue.clear(three);
    advance(10s);
    CHECK(order.empty());
    queue.set(three, clock::now() + 5s);
    advance(5s);
    CHECK(order == std::vector{3});
    advance(25s);
    CHECK(order == std::vector{3, 1});
}

TEST_CASE_METHOD(deadline_fixture, "a deadline may call off another that is due and set itself again", "[ttrpc]") {
    one.also = [&] {
        queue.clear(two);
        queue.set(one, clock::now() + 1s);
    };
    queue.set(one, clock::now() + 10s);
    queue.set(two, clock::now() + 11s);
    advance(20s);
    CHECK(order == std::vector{1});
    one.also = nullptr;
    advance(1s);
    CHECK(order == std::vector{1, 1});
}

TEST_CASE_METHOD(deadline_fixture, "stop forgets all, and the queue may go while its timer runs", "[ttrpc]") {
    queue.set(one, clock::now() + 10s);
    queue.stop();
    advance(10s);
    CHECK(order.empty());
    queue.set(one, clock::now() + 10s);
    advance(10s);
    CHECK(order == std::vector{1});
    {
        std::optional<deadline_queue> other(std::in_place, ex());
        entry four(4, order);
        other->set(four, clock::now() + 1s);
        other.reset();
    }
    advance(1s);
    CHECK(order == std::vector{1});
}

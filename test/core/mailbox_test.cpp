// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/mailbox.hpp"

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;

namespace {

awaitable<void> collect(mailbox<int>& box, std::vector<int>& seen, bool& ended) {
    for (;;) {
        auto item = co_await box.pop();
        if (!item) break;
        seen.push_back(*item);
    }
    ended = true;
}

awaitable<void> produce(mailbox<int>& box, int count, int& pushed) {
    for (int i = 0; i < count; ++i) {
        if (!co_await box.push(i)) co_return;
        ++pushed;
    }
}

}  // namespace

TEST_CASE("a mailbox refuses more than its capacity", "[core]") {
    test::io_fixture io;
    mailbox<int> box(io.ex(), 2);
    CHECK(box.try_push(1));
    CHECK(box.try_push(2));
    CHECK_FALSE(box.try_push(3));
    CHECK(box.try_pop() == 1);
    CHECK(box.try_push(3));
    CHECK(box.size() == 2);
}

TEST_CASE("what is buffered when a mailbox closes is still delivered", "[core]") {
    test::io_fixture io;
    mailbox<int> box(io.ex(), 4);
    std::vector<int> seen;
    bool ended = false;
    REQUIRE(box.try_push(1));
    REQUIRE(box.try_push(2));
    box.close();
    CHECK_FALSE(box.try_push(3));
    io.run(collect(box, seen, ended));
    CHECK(seen == std::vector<int>{1, 2});
    CHECK(ended);
}

TEST_CASE("a producer waits for room and order is kept", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    mailbox<int> box(io.ex(), 2);
    int pushed = 0;
    std::vector<int> seen;
    bool ended = false;
    tasks.spawn("producer", produce(box, 5, pushed));
    io.poll();
    CHECK(pushed == 2);
    tasks.spawn("consumer", collect(box, seen, ended));
    io.poll();
    CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
    box.close();
    io.poll();
    CHECK(ended);
    CHECK(tasks.size() == 0);
}

TEST_CASE("a cancelled receive loses nothing", "[core]") {
    test::io_fixture io;
    mailbox<int> box(io.ex(), 2);
    std::vector<int> seen;
    bool ended = false;
    {
        task_group tasks(io.ex(), io.log());
        tasks.spawn("consumer", collect(box, seen, ended));
        io.poll();
        tasks.stop();
        io.poll();
        CHECK(tasks.size() == 0);
    }
    REQUIRE(box.try_push(7));
    CHECK(box.try_pop() == 7);
}

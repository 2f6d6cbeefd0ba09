#include <signal.h>

#include <new>

#include "support/no_memory.hpp"
#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

using outcome = std::optional<result<std::uint32_t>>;

awaitable<void> note_start(process_fixture& fixture, std::string exec_id, outcome& into) {
    try {
        auto started = co_await fixture.processes.start("web", std::move(exec_id));
        into.emplace(std::move(started));
    } catch (const std::bad_alloc&) {
        into.emplace(error(errc::resource_exhausted, "thrown to the caller"));
    }
}

/// Starts with one allocation failing, the `which`th. False if there are not as many.
bool start_without_memory(process_fixture& fixture, const std::string& exec_id, int which, outcome& started) {
    fixture.tasks->spawn("start", note_start(fixture, exec_id, started));
    no_memory once(1, which);
    while (!started) {
        try {
            if (fixture.ctx.run_one() == 0) FAIL("the loop ran out of work");
        } catch (const std::bad_alloc&) {
            // As the run loop's barrier does.
        }
    }
    return no_memory::is_over();
}

}  // namespace

TEST_CASE("an exec's Start that lacks memory anywhere leaves state, streams and waiters right", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    bool is_any_left = true;
    int failures = 0;
    for (int which = 0; is_any_left; ++which) {
        CAPTURE(which);
        auto out = fixture.read(fixture.open_stream(1));
        REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}, {"", "stream://1", "", false}));
        fixture.poll();
        outcome started;
        is_any_left = start_without_memory(fixture, "e", which, started);
        auto status = fixture.status("web", "e");
        if (*started) {
            CHECK(status == process_status::running);
            REQUIRE(fixture.kill("web", "e", SIGKILL));
            CHECK(fixture.wait("web", "e").value().status == 137);
        } else if (status == process_status::stopped) {
            ++failures;
            CHECK(fixture.wait("web", "e").value().status == 255);
        } else {
            // Nothing had begun.
            CHECK(status == process_status::created);
        }
        // What the runtime did start is not left running.
        fixture.pump([&] { return fixture.reaper.counters().known == 1; });
        REQUIRE(fixture.remove("web", "e"));
        // Claimed and closed, or not even claimed.
        if (fixture.streams.counters().unclaimed == 1) REQUIRE(fixture.streams.claim("1"));
        fixture.pump([&] { return out->has_ended; });
    }
    CHECK(failures > 50);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
}

TEST_CASE("an init's Start that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    fixture.poll();
    bool is_any_left = true;
    int failures = 0;
    for (int which = 0; is_any_left; ++which) {
        CAPTURE(which);
        outcome started;
        is_any_left = start_without_memory(fixture, "", which, started);
        auto status = fixture.status("web");
        if (!*started && status == process_status::created) {
            ++failures;
            continue;
        }
        CHECK(status == process_status::running);
        REQUIRE(fixture.kill("web", "", SIGKILL));
        CHECK(fixture.wait("web").value().status == 137);
        REQUIRE(fixture.remove("web"));
        REQUIRE(fixture.create("web", {"sleep", "1000"}));
    }
    CHECK(failures > 20);
}

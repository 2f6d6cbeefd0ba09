// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/kept_output.hpp"

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

std::string all_of(const kept_output& log) { return log.read(log.begin(), kept_output::capacity); }

// The last `count` bytes of a sequence in which each place of a ring is told from the others.
std::string sequence(std::size_t from, std::size_t count) {
    std::string text(count, '\0');
    for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>((from + i) * 2654435761U >> 24);
    return text;
}

constexpr auto capacity = kept_output::capacity;
const stdio_uris logged("", "log://", "log://", false);

}  // namespace

TEST_CASE("a log keeps everything until it is full, then the newest", "[process]") {
    io_fixture io;
    kept_output log(io.ex());
    CHECK(all_of(log) == "");
    auto step =
        GENERATE(std::size_t{1000}, std::size_t{65536}, std::size_t{capacity - 1}, std::size_t{3 * capacity + 5});
    std::size_t written = 0;
    for (; written < 2 * capacity; written += step) {
        log.append(sequence(written, step));
        auto kept = std::min(written + step, capacity);
        REQUIRE(log.end() == written + step);
        REQUIRE(log.begin() == written + step - kept);
        if (step > 1000 || written % 100 == 0) REQUIRE((all_of(log) == sequence(written + step - kept, kept)));
    }
    CHECK(log.read(log.end() - 3, 2) == sequence(written - 3, 2));
    CHECK(log.read(log.end(), 10) == "");
}

TEST_CASE("the tail of a log begins at a line", "[process]") {
    io_fixture io;
    kept_output log(io.ex());
    CHECK(log.tail(3) == 0);
    log.append("one\ntwo\n\nfour\nfive");
    auto tail = [&](std::size_t lines) { return log.read(log.tail(lines), 100); };
    CHECK(tail(0) == "");
    CHECK(tail(1) == "five");
    CHECK(tail(2) == "four\nfive");
    CHECK(tail(3) == "\nfour\nfive");
    CHECK(tail(5) == "one\ntwo\n\nfour\nfive");
    CHECK(tail(1000) == "one\ntwo\n\nfour\nfive");
    log.append("\n");
    CHECK(tail(1) == "five\n");
    log.append(std::string(capacity, 'x'));
    CHECK(log.tail(1) == log.begin());
}

TEST_CASE("who waits for a log is woken by more, and by its end", "[process]") {
    io_fixture io;
    task_group tasks(io.ex(), io.log());
    kept_output log(io.ex());
    int woken = 0;
    auto watch = [](kept_output& watched, int& count) -> awaitable<void> {
        while (!watched.is_finished() && co_await watched.wait()) ++count;
    };
    tasks.spawn("watch", watch(log, woken));
    io.poll();
    log.append("x");
    io.poll();
    CHECK(woken == 1);
    log.finish();
    log.append("y");
    io.run(tasks.join());
    CHECK(all_of(log) == "x");
}

TEST_CASE("an output is kept until its process is deleted, its exit is not held back", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"write", std::to_string(2 * capacity), ";", "stderr", "end"}, logged);
    REQUIRE(fixture.wait("web"));
    auto log = fixture.processes.log_of("web", "");
    REQUIRE(log);
    CHECK((*log)->is_finished());
    CHECK((*log)->end() == 2 * capacity + 4);
    CHECK((all_of(**log) == std::string(capacity - 4, 'x') + "end\n"));
    REQUIRE(fixture.remove("web"));
    CHECK(fixture.processes.log_of("web", "").error().kind() == errc::not_found);
    // For who has it still.
    CHECK((*log)->tail(1) == (*log)->begin());
}

TEST_CASE("a deletion ends the log of what still runs", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"echo", "up", ";", "sleep", "1000"}, logged);
    auto log = fixture.processes.log_of("web", "").value();
    fixture.pump([&] { return log->end() == 3; });
    CHECK_FALSE(log->is_finished());
    REQUIRE(fixture.processes.log_of("web", ""));
    REQUIRE(fixture.run(fixture.processes.kill("web", "", 9, runc::kill_scope::all)));
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
    CHECK(log->is_finished());
}

TEST_CASE("what is not kept is said", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    CHECK(fixture.processes.log_of("web", "").error().message() == "its output is not kept: failed precondition");
    CHECK(fixture.processes.log_of("web", "e").error().kind() == errc::not_found);
}

TEST_CASE("so many outputs are kept and no more, until one is deleted", "[process]") {
    io_fixture io;
    kept_outputs logs;
    std::vector<std::shared_ptr<kept_output>> made;
    for (std::size_t i = 0; i < kept_outputs::max_count; ++i) made.push_back(logs.make(io.ex()).value());
    auto refused = logs.make(io.ex());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "the output of 16 processes is kept already: resource exhausted");
    made.pop_back();
    CHECK(logs.make(io.ex()));
}

#pragma once

#include <deque>
#include <new>
#include <optional>
#include <utility>

#include "process/process_fixture.hpp"
#include "support/no_memory.hpp"

namespace vminit::test {

template <class T>
awaitable<void> note_outcome(awaitable<result<T>> operation, std::optional<result<T>>& into) {
    try {
        into.emplace(co_await std::move(operation));
    } catch (const std::bad_alloc&) {
        into.emplace(error(errc::resource_exhausted, "thrown to the caller"));
    }
}

/// What became of `operation` with one allocation failing, the `which`th; `has_failed` says if there were as many.
template <class T>
result<T> without_memory(process_fixture& fixture, awaitable<result<T>> operation, int which, bool& has_failed) {
    std::optional<result<T>> outcome;
    fixture.tasks->spawn("operation", note_outcome(std::move(operation), outcome));
    no_memory once(1, which);
    while (!outcome) {
        try {
            if (fixture.ctx.run_one() == 0) FAIL("the loop ran out of work");
        } catch (const std::bad_alloc&) {
            // As the run loop's barrier does.
        }
    }
    has_failed = no_memory::is_over();
    return std::move(*outcome);
}

/// Asio drops a coroutine whose timer finds no room among the others. There is some, as where more have been at work.
inline void make_room_for_timers(process_fixture& fixture) {
    std::deque<timer> many;
    for (int i = 0; i < 64; ++i) {
        many.emplace_back(fixture.ex(), clock::time_point::max());
        many.back().async_wait([](error_code) {});
    }
    many.clear();
    fixture.poll();
}

inline std::ptrdiff_t count_heard(const process_fixture& fixture, const std::string& line) {
    return std::count(fixture.heard.begin(), fixture.heard.end(), line);
}

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
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

/// An operation again and again: with its first allocation failing, then with its second, until there are no more.
///
///     memory_sweep sweep(fixture);
///     while (sweep.next()) {
///         CAPTURE(sweep.which());
///         auto outcome = sweep.run(operation);
///     }
class memory_sweep {
public:
    explicit memory_sweep(process_fixture& fixture) : fixture_(fixture) { make_room_for_timers(); }

    bool next() {
        ++which_;
        return has_failed_;
    }

    /// What became of `operation` when this time's allocation failed, if there are as many.
    template <class T>
    result<T> run(awaitable<result<T>> operation) {
        std::optional<result<T>> outcome;
        fixture_.tasks->spawn("operation", note_outcome(std::move(operation), outcome));
        no_memory once(1, which_);
        while (!outcome) {
            try {
                if (fixture_.ctx.run_one() == 0) FAIL("the loop ran out of work");
            } catch (const std::bad_alloc&) {
                // As the run loop's barrier does.
            }
        }
        has_failed_ = no_memory::is_over();
        if (!*outcome) ++failures_;
        return std::move(*outcome);
    }

    int which() const noexcept { return which_; }
    int failures() const noexcept { return failures_; }

private:
    // Asio drops a coroutine whose timer finds no room among the others. There is some, as where more have been at work.
    void make_room_for_timers() {
        std::deque<timer> many;
        for (int i = 0; i < 64; ++i) {
            many.emplace_back(fixture_.ex(), clock::time_point::max());
            many.back().async_wait([](error_code) {});
        }
        many.clear();
        fixture_.poll();
    }

    process_fixture& fixture_;
    int which_ = -1;
    int failures_ = 0;
    bool has_failed_ = true;
};

inline std::ptrdiff_t count_heard(const process_fixture& fixture, const std::string& line) {
    return std::count(fixture.heard.begin(), fixture.heard.end(), line);
}

}  // namespace vminit::test

#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "guest.hpp"
#include "inside/pattern.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::test {

/// How often each thing was done, and what went wrong.
struct soak_count {
    std::uint64_t containers = 0;
    std::uint64_t execs = 0;
    std::uint64_t kills = 0;
    std::uint64_t slow_reads = 0;
    std::uint64_t dropped_connections = 0;
    std::uint64_t freezes = 0;
    std::uint64_t bytes = 0;
    std::vector<std::string> failures;

    std::uint64_t operations() const { return containers + execs + kills + slow_reads + dropped_connections + freezes; }
};

/// The lanes of the soak: coroutines that each repeat one kind of work until they are told to stop.
class soak_crew {
public:
    explicit soak_crew(guest& vm);
    soak_crew(const soak_crew&) = delete;
    soak_crew& operator=(const soak_crew&) = delete;

    /// Works until `end`, then finishes what is begun and clears up.
    void work_until(clock::time_point end);

    const soak_count& count() const noexcept { return count_; }

    /// Processes that were started, each with the exit status that its exit must tell; -1 = whichever.
    const std::map<std::pair<std::string, std::string>, int>& started() const noexcept { return started_; }

private:
    bool goes_on() const;
    void fail(const std::string& what);
    void expect(const process_key& key, int status);
    std::size_t random_size(std::size_t most);

    awaitable<void> container_lane();
    awaitable<void> exec_lane();
    awaitable<void> kill_lane();
    awaitable<void> slow_reader_lane();
    awaitable<void> dropper_lane();
    awaitable<void> freezer_lane();

    /// Create and Start of a container that stays; false when that failed.
    awaitable<bool> begin(container_wish wish);
    awaitable<void> end(std::string id);
    awaitable<void> one_exec(std::string id, std::string exec_id, std::size_t bytes);
    awaitable<void> one_container(std::size_t bytes);
    awaitable<void> one_slow_read(std::string id);
    awaitable<void> one_drop(std::string id);
    awaitable<void> one_abandoned_output(std::string id);
    /// Wait and Delete; counts on this exit status.
    awaitable<void> finish(process_key key, int status);
    awaitable<void> operations_of_others(std::uint64_t count);

    guest& vm_;
    container_calls& calls_;
    soak_count count_;
    std::map<std::pair<std::string, std::string>, int> started_;
    std::mt19937 random_{std::random_device{}()};
    clock::time_point end_{};
    condition worked_;
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
// What test/vm/soak runs, in the VM of VMINIT_VM_DIR, for VMINIT_SOAK_SECONDS.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "event_watch.hpp"
#include "observer.hpp"
#include "soak_crew.hpp"
#include "test_size.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

struct exit_record {
    int starts = 0;
    int exits = 0;
    std::uint32_t status = 0;
};

/// Each started process has one exit, after its start, with the status it must have; nothing else has one.
std::vector<std::string> breaches(const std::vector<task_event>& events, const soak_crew& crew) {
    std::vector<std::string> found;
    std::map<std::pair<std::string, std::string>, exit_record> seen;
    for (const auto& event : events) {
        auto is_init = event.topic == "/tasks/start";
        auto& record = seen[{event.container, is_init ? event.container : event.process}];
        if (is_init || event.topic == "/tasks/exec-started") ++record.starts;
        if (event.topic != "/tasks/exit") continue;
        if (record.starts != 1) found.push_back("exit before the start of " + event.process);
        ++record.exits;
        record.status = event.status;
    }
    for (const auto& [key, status] : crew.started()) {
        const auto& record = seen[key];
        if (record.starts != 1 || record.exits != 1) {
            found.push_back(key.second + ": " + std::to_string(record.starts) + " starts, " +
                            std::to_string(record.exits) + " exits");
        } else if (status >= 0 && record.status != static_cast<std::uint32_t>(status)) {
            found.push_back(key.second + ": exit status " + std::to_string(record.status));
        }
    }
    return found;
}

std::size_t count_of(const std::vector<task_event>& events, const std::string& topic) {
    std::size_t count = 0;
    for (const auto& event : events) count += event.topic == topic ? 1 : 0;
    return count;
}

std::string test_directory() {
    const char* directory = std::getenv("VMINIT_VM_DIR");
    REQUIRE(directory != nullptr);
    return directory;
}

/// What PID 1 has open, by kind.
std::string descriptors_of(observer& eye) {
    return eye.ask(
        "for f in /proc/1/fd/*; do readlink $f; done | sed 's/:.*//; s|^/.*/|/|' | sort | uniq -c | tr '\\n' ' ' | "
        "tr -s ' '");
}

std::string remains_of(observer& eye) {
    return eye.remains() + eye.ask("echo , memory blocks $(grep -lx online /sys/devices/system/memory/*/state | wc -l)");
}

std::int64_t heap_of(guest& vm) { return static_cast<std::int64_t>(sample_of(vm.metrics(), "process_heap_bytes")); }

std::string text_of(const std::vector<std::int64_t>& numbers) {
    std::string text;
    for (auto number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
    return text;
}

std::int64_t least_growth(const std::vector<std::int64_t>& numbers) {
    auto least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 1; i < numbers.size(); ++i) least = std::min(least, numbers[i] - numbers[i - 1]);
    return least;
}

void row(const char* what, const std::string& value) {
    std::printf("%-34s %s\n", what, value.c_str());
    std::fflush(stdout);
}

void print_work(const soak_count& work) {
    row("containers", std::to_string(work.containers));
    row("execs", std::to_string(work.execs));
    row("containers killed under execs", std::to_string(work.kills));
    row("slow readers", std::to_string(work.slow_reads));
    row("dropped connections and outputs", std::to_string(work.dropped_connections));
    row("freezes", std::to_string(work.freezes));
    row("freezes that nobody thawed", std::to_string(work.safety_thaws));
    row("stalls of a disk", std::to_string(work.stalls));
    row("memory blocks taken offline", std::to_string(work.hotplugs));
    row("terminals opened again", std::to_string(work.reopenings));
    row("failed creates", std::to_string(work.failed_creates));
    row("volleys of signals at PID 1", std::to_string(work.signals));
    row("output checked", std::to_string(work.bytes >> 20) + " MiB");
}

}  // namespace

TEST_CASE("soak", "[.soak]") {
    constexpr std::int64_t noise = 8192;  // bytes: what the allocator's caches hold differs by some KB
    auto length = std::chrono::seconds(test_size("VMINIT_SOAK_SECONDS", 60));
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    event_watch watch(vm);
    // The first fifth brings heap and caches to their size.
    soak_crew crew(vm, test_directory());
    auto begin = clock::now();
    crew.work_until(begin + length / 5);
    auto remains = remains_of(eye);
    auto descriptors = descriptors_of(eye);
    auto memories = std::to_string(eye.memory_of_pid_one());
    std::vector<std::int64_t> heap{heap_of(vm)};
    for (int fifth = 2; fifth <= 5; ++fifth) {
        crew.work_until(begin + length * fifth / 5);
        memories += ", " + std::to_string(eye.memory_of_pid_one());
        heap.push_back(heap_of(vm));
    }
    auto remains_at_end = remains_of(eye);
    auto descriptors_at_end = descriptors_of(eye);

    auto health = vm.run(vm.system().Health({}, guest::limit));

    // All exits have been told when the last container's has. After a failure some may never come.
    vm.pump([&] {
        return !watch.is_open() || !crew.count().failures.empty() ||
               count_of(watch.all(), "/tasks/exit") >= crew.started().size();
    });
    auto wrong = breaches(watch.all(), crew);
    auto crashes = count_of(watch.all(), "/vminit/supervisor/exited");

    print_work(crew.count());
    row("supervisor crashes", std::to_string(crashes));
    row("exits told",
        std::to_string(count_of(watch.all(), "/tasks/exit")) + " of " + std::to_string(crew.started().size()));
    row("PID 1 anonymous memory, KB", memories);
    row("PID 1 heap in use, bytes", text_of(heap));
    if (health) row("longest loop stall, last minute", std::to_string(health->longest_stall_us() / 1000) + " ms");
    row("after a fifth", remains);
    row("at the end", remains_at_end);
    row("open after a fifth", descriptors);
    row("open at the end", descriptors_at_end);
    for (const auto& failure : crew.count().failures) row("FAILED", failure);
    for (const auto& breach : wrong) row("WRONG", breach);

    CHECK(crew.count().failures.empty());
    CHECK(wrong.empty());
    CHECK(watch.is_open());
    REQUIRE(health);
    for (const auto& layer : health->layers()) {
        // How long the loop was held up tells of the machine that emulates the VM, too, and the agent does nothing but
        // crash; nothing else may be wrong.
        bool is_expected = layer.text().starts_with("the loop was held up") || layer.name() == "supervisor";
        CAPTURE(layer.name(), layer.text());
        CHECK((is_expected || layer.state() == vminit::system::v1::HealthResponse::OK));
    }
    CHECK(crashes > 0);
    CHECK(remains_at_end == remains);
    // A table grows in the densest fifth so far; only a leak grows in each.
    CHECK(least_growth(heap) < noise);
}

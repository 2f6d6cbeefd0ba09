// SPDX-License-Identifier: Apache-2.0
#include "api/metrics_text.hpp"

#include <catch2/catch.hpp>
#include <regex>
#include <set>
#include <sstream>

using namespace vminit;
using namespace vminit::api;
using namespace std::chrono_literals;

namespace {

guest_snapshot busy() {
    guest_snapshot snapshot;
    snapshot.core.usage.resident_bytes = 3145728;
    snapshot.core.usage.heap_bytes = 262144;
    snapshot.core.usage.cpu = 1250ms;
    snapshot.reaper.emplace().counters.reaped = 11;
    auto& system = snapshot.system.emplace();
    system.version = "1.2.3";
    system.uptime = 90s;
    snapshot.devices.emplace();
    auto& events = snapshot.events.emplace();
    events.topics = {{"/tasks/start", 4}, {"/tasks/exit", 3}};
    auto& server = snapshot.server.emplace();
    for (const char* method : {"State", "Kill"}) {
        auto& metrics = server.methods.emplace_back();
        metrics.service = "containerd.task.v3.Task";
        metrics.method = method;
    }
    server.methods.front().started = 2;
    server.methods.front().failed = 1;
    server.methods.front().latency.record(3ms);
    snapshot.streams.emplace().claimed = 6;
    snapshot.runtime.emplace();
    snapshot.process.emplace().output_bytes = 67108864;
    auto& agent = snapshot.services.emplace().emplace_back();
    agent.name = "spin-supervisor";
    agent.starts = 2;
    agent.state = supervisor::supervised_state::running;
    return snapshot;
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("every layer's figures are in the metrics", "[api]") {
    auto text = metrics_text(busy());
    for (const char* line : {
             "process_resident_memory_bytes 3145728",
             "process_heap_bytes 262144",
             "process_cpu_seconds_total 1.25",
             "vminit_children_reaped_total 11",
             "vminit_info{version=\"1.2.3\"} 1",
             "vminit_uptime_seconds 90",
             "vminit_events_published_total{topic=\"/tasks/start\"} 4",
             "vminit_exits_total 3",
             "vminit_rpc_started_total{service=\"containerd.task.v3.Task\",method=\"State\"} 2",
             "vminit_rpc_failed_total{service=\"containerd.task.v3.Task\",method=\"State\"} 1",
             "vminit_rpc_started_total{service=\"containerd.task.v3.Task\",method=\"Kill\"} 0",
             "vminit_rpc_duration_seconds_count{service=\"containerd.task.v3.Task\",method=\"State\"} 1",
             "vminit_streams_claimed_total 6",
             "vminit_stdio_bytes_total{direction=\"output\"} 67108864",
             "vminit_supervised_running{name=\"spin-supervisor\"} 1",
             "vminit_supervised_starts_total{name=\"spin-supervisor\"} 2",
         }) {
        CAPTURE(line);
        CHECK(has_line(text, line));
    }
    // Methods that were never called have no histogram: most of the text would be zeros.
    CHECK(text.find("vminit_rpc_duration_seconds_count{service=\"containerd.task.v3.Task\",method=\"Kill\"}") ==
          std::string::npos);
}

TEST_CASE("each line is one of the format, each family is described once and all its samples follow", "[api]") {
    std::istringstream lines(metrics_text(busy()));
    std::regex comment(R"(# (HELP|TYPE) ([a-z_]+) .+)");
    std::regex sample(R"(([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (\+Inf|[0-9.e+-]+))");
    std::set<std::string> families;
    std::string family;
    std::smatch parts;
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        if (std::regex_match(line, parts, comment)) {
            if (parts[1] == "HELP") {
                family = parts[2];
                CHECK(families.insert(family).second);
            }
            CHECK(parts[2] == family);
        } else {
            REQUIRE(std::regex_match(line, parts, sample));
            CHECK(parts[1].str().starts_with(family));
        }
    }
    CHECK(families.size() > 50);
}

TEST_CASE("a guest with one layer only has that one's metrics", "[api]") {
    auto text = metrics_text(guest_snapshot());
    CHECK(text.find("process_open_fds 0\n") != std::string::npos);
    CHECK(text.find("vminit_containers") == std::string::npos);
}

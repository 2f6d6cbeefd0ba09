// SPDX-License-Identifier: Apache-2.0
#include "task_text.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <limits>

#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"
#include "table.hpp"
#include "usage_meter.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
namespace task = containerd::task::v3;
namespace json = boost::json;

TEST_CASE("a running process has no exit status yet", "[vminitctl]") {
    task::StateResponse state;
    state.set_id("web");
    state.set_pid(12);
    state.set_status(containerd::v1::types::RUNNING);
    state.mutable_exited_at()->set_seconds(-62135596800);
    state.set_stdout("stream://4");
    CHECK(json::serialize(to_json(state_facts(state))) ==
          R"({"id":"web","status":"running","pid":12,"exit_status":null,"exited_at":null,"bundle":"","terminal":false,)"
          R"("stdin":"","stdout":"stream://4","stderr":""})");
    state.set_status(containerd::v1::types::STOPPED);
    state.mutable_exited_at()->set_seconds(1772352930);
    auto facts = to_json(state_facts(state));
    CHECK(facts["status"] == json::value("stopped"));
    CHECK(facts["exit_status"] == json::value(0));
    CHECK(facts["exited_at"] == json::value("2026-03-01T08:15:30.000000000Z"));
}

TEST_CASE("every status has a name", "[vminitctl]") {
    CHECK(status_name(0) == "unknown");
    CHECK(status_name(1) == "created");
    CHECK(status_name(4) == "paused");
    CHECK(status_name(5) == "pausing");
    CHECK(status_name(77) == "unknown");
}

TEST_CASE("processes are rows, execs with their ids", "[vminitctl]") {
    task::PidsResponse pids;
    pids.add_processes()->set_pid(7);
    auto& exec = *pids.add_processes();
    exec.set_pid(1234);
    containerd::runc::v1::ProcessDetails details;
    details.set_exec_id("sh");
    exec.mutable_info()->set_type_url("containerd.runc.v1.ProcessDetails");
    exec.mutable_info()->set_value(details.SerializeAsString());
    CHECK(table_of(process_rows(pids)) == " PID  EXEC ID\n   7  -\n1234  sh\n");
}

TEST_CASE("an exit names the exec it is of", "[vminitctl]") {
    google::protobuf::Timestamp when;
    when.set_seconds(1772352930);
    CHECK(json::serialize(to_json(exit_facts("web", "", 3, when))) ==
          R"({"id":"web","exit_status":3,"exited_at":"2026-03-01T08:15:30.000000000Z"})");
    CHECK(json::serialize(to_json(exit_facts("web", "sh", 0, when))).find(R"("exec_id":"sh")") != std::string::npos);
}

TEST_CASE("stats show amounts to people and numbers to programs", "[vminitctl]") {
    io::containerd::cgroups::v2::Metrics metrics;
    metrics.mutable_pids()->set_current(3);
    metrics.mutable_pids()->set_limit(std::numeric_limits<std::uint64_t>::max());
    metrics.mutable_cpu()->set_usage_usec(1234567);
    metrics.mutable_memory()->set_usage(1536);
    for (int disk = 0; disk < 2; ++disk) metrics.mutable_io()->add_usage()->set_rbytes(2048);
    auto facts = stats_facts("web", metrics);
    auto whole = to_json(facts);
    CHECK(whole["pids"] == json::value(3));
    CHECK(whole["pids_limit"].is_null());
    CHECK(whole["cpu_usage_usec"] == json::value(1234567));
    CHECK(whole["io_read_bytes"] == json::value(4096));
    auto text = listing_of(facts);
    CHECK(text.find("pids limit:     max\n") != std::string::npos);
    CHECK(text.find("cpu usage:      1.234s\n") != std::string::npos);
    CHECK(text.find("memory usage:   1.5 KiB\n") != std::string::npos);
    CHECK(text.find("io read:        4.0 KiB\n") != std::string::npos);
}

TEST_CASE("top shows the CPU used since its last look", "[vminitctl]") {
    using namespace std::chrono_literals;
    usage_meter meter;
    io::containerd::cgroups::v2::Metrics metrics;
    clock::time_point now(1h);
    metrics.mutable_cpu()->set_usage_usec(1000000);
    metrics.mutable_pids()->set_current(2);
    CHECK(to_json(meter.row("a", metrics, now)).at("cpu_percent").is_null());
    metrics.mutable_cpu()->set_usage_usec(1500000);
    CHECK(to_json(meter.row("a", metrics, now + 2s)).at("cpu_percent") == json::value(25.0));
    CHECK(to_json(meter.row("b", metrics, now + 2s)).at("cpu_percent").is_null());
    metrics.mutable_cpu()->set_usage_usec(10);
    CHECK(to_json(meter.row("a", metrics, now + 3s)).at("cpu_percent").is_null());
    metrics.mutable_cpu()->set_usage_usec(2000010);
    CHECK(to_json(meter.row("a", metrics, now + 4s)).at("cpu_percent") == json::value(200.0));
}

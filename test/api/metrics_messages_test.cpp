// SPDX-License-Identifier: Apache-2.0
#include "api/metrics_messages.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace vminit::api {

namespace {

using namespace std::string_literals;

// Field numbers and values that the message has on the wire, by hand.
std::string bytes_of(const process::cgroup_metrics& metrics) { return to_message(metrics).SerializeAsString(); }

}  // namespace

TEST_CASE("empty metrics have their five submessages, empty", "[api]") {
    CHECK(bytes_of({}) == "\x0a\x00\x12\x00\x22\x00\x2a\x00\x32\x00"s);
}

TEST_CASE("the metrics of a container with few controllers", "[api]") {
    process::cgroup_metrics metrics;
    metrics.pids = {3, ~std::uint64_t{0}};
    metrics.cpu.usage_usec = 100;
    metrics.cpu.user_usec = 60;
    metrics.cpu.system_usec = 40;
    metrics.io.usage = {{253, 0, 4096, 0, 1, 0}};
    CHECK(bytes_of(metrics) ==
          "\x0a\x0d\x08\x03\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
          "\x12\x06\x08\x64\x10\x3c\x18\x28"
          "\x22\x00\x2a\x00"
          "\x32\x0a\x0a\x08\x08\xfd\x01\x18\x80\x20\x28\x01"s);
}

TEST_CASE("events and pressure are there if they were read", "[api]") {
    process::cgroup_metrics metrics;
    metrics.events.emplace();
    metrics.cpu.psi.emplace().some.emplace().total = 1;
    metrics.memory.psi.emplace().full.emplace().avg10 = 0.5;
    metrics.io.psi.emplace();
    auto message = to_message(metrics);
    CHECK(message.has_memory_events());
    CHECK(message.cpu().psi().some().total() == 1);
    CHECK_FALSE(message.cpu().psi().has_full());
    CHECK(message.memory().psi().full().avg10() == 0.5);
    CHECK_FALSE(message.memory().psi().has_some());
    CHECK(message.io().has_psi());
}

TEST_CASE("huge pages, rdma and memory events are copied", "[api]") {
    process::cgroup_metrics metrics;
    metrics.rdma.current = {{"mlx4_0", 1, 2}};
    metrics.rdma.limit = {{"mlx4_0", 4294967295U, 3}};
    metrics.hugetlb = {{4, 5, "2MB", 6}, {7, 8, "1GB", 9}};
    metrics.events = process::memory_events{1, 2, 3, 4, 5, 6};
    CHECK(bytes_of(metrics) ==
          "\x0a\x00\x12\x00\x22\x00"
          "\x2a\x20\x0a\x0c\x0a\x06mlx4_0\x10\x01\x18\x02\x12\x10\x0a\x06mlx4_0\x10\xff\xff\xff\xff\x0f\x18\x03"
          "\x32\x00"
          "\x3a\x0b\x08\x04\x10\x05\x1a\x03"
          "2MB\x20\x06"
          "\x3a\x0b\x08\x07\x10\x08\x1a\x03"
          "1GB\x20\x09"
          "\x42\x0c\x08\x01\x10\x02\x18\x03\x20\x04\x28\x05\x30\x06"s);
}

}  // namespace vminit::api

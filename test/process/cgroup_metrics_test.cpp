// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/cgroup_metrics.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>

#include "process/cgroup_file.hpp"
#include "process/failing_call.hpp"
#include "process/fake_cgroup.hpp"

namespace vminit::process {

namespace {

constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();

struct fixture {
    cgroup_metrics read() const {
        auto metrics = read_cgroup_metrics(cgroup.path(), hugepages.path());
        REQUIRE(metrics);
        return *metrics;
    }

    test::fake_cgroup cgroup, hugepages;
};

}  // namespace

TEST_CASE_METHOD(fixture, "a container with few controllers has few metrics", "[cgroup]") {
    cgroup.write("cpu.stat", "usage_usec 100\nuser_usec 60\nsystem_usec 40\n");
    cgroup.write("pids.max", "max\n");
    cgroup.write("pids.current", "3\n");
    cgroup.write("io.stat", "253:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n8:0\n");
    cgroup_metrics expected;
    expected.pids = {3, no_limit};
    expected.cpu.usage_usec = 100;
    expected.cpu.user_usec = 60;
    expected.cpu.system_usec = 40;
    expected.io.usage = {{253, 0, 4096, 0, 1, 0}};
    CHECK(read() == expected);
}

TEST_CASE_METHOD(fixture, "every file of a cgroup is read", "[cgroup]") {
    cgroup.write("cpu.stat", "usage_usec 1\n");
    cgroup.write("cpu.pressure", "some avg10=1.00 avg60=0.00 avg300=0.00 total=2\n");
    cgroup.write("memory.stat", "anon 3\n");
    cgroup.write("memory.current", "4\n");
    cgroup.write("memory.max", "5\n");
    cgroup.write("memory.swap.current", "6\n");
    cgroup.write("memory.swap.max", "max\n");
    cgroup.write("memory.peak", "8\n");
    cgroup.write("memory.swap.peak", "9\n");
    cgroup.write("memory.pressure", "full avg10=2.00 avg60=0.00 avg300=0.00 total=10\n");
    cgroup.write("memory.events", "oom_kill 11\n");
    cgroup.write("pids.current", "12\n");
    cgroup.write("pids.max", "13\n");
    cgroup.write("io.stat", "8:0 wbytes=14\n");
    cgroup.write("io.pressure", "some avg10=3.00 avg60=0.00 avg300=0.00 total=15\n");
    cgroup.write("rdma.current", "mlx4_0 hca_handle=16 hca_object=17\n");
    cgroup.write("rdma.max", "mlx4_0 hca_handle=max hca_object=18\n");
    hugepages.make_directory("hugepages-2048kB");
    cgroup.write("hugetlb.2MB.current", "19\n");
    cgroup.write("hugetlb.2MB.max", "20\n");
    cgroup.write("hugetlb.2MB.events", "max 21\n");

    cgroup_metrics expected;
    expected.cpu.usage_usec = 1;
    expected.cpu.psi = psi_stats{psi_data{1, 0, 0, 2}, std::nullopt};
    expected.memory.anon = 3;
    expected.memory.usage = 4;
    expected.memory.usage_limit = 5;
    expected.memory.swap_usage = 6;
    expected.memory.swap_limit = no_limit;
    expected.memory.max_usage = 8;
    expected.memory.swap_max_usage = 9;
    expected.memory.psi = psi_stats{std::nullopt, psi_data{2, 0, 0, 10}};
    expected.events.emplace().oom_kill = 11;
    expected.pids = {12, 13};
    expected.io.usage = {{8, 0, 0, 14, 0, 0}};
    expected.io.psi = psi_stats{psi_data{3, 0, 0, 15}, std::nullopt};
    expected.rdma.current = {{"mlx4_0", 16, 17}};
    expected.rdma.limit = {{"mlx4_0", 4294967295U, 18}};
    expected.hugetlb = {{19, 20, "2MB", 21}};
    CHECK(read() == expected);
}

TEST_CASE_METHOD(fixture, "a cgroup that is gone has metrics of zeros", "[cgroup]") {
    auto metrics = read_cgroup_metrics(cgroup.path("gone"), hugepages.path());
    REQUIRE(metrics);
    CHECK(*metrics == cgroup_metrics{});
}

TEST_CASE_METHOD(fixture, "huge pages have entries without their controller", "[cgroup]") {
    hugepages.make_directory("hugepages-1048576kB");
    CHECK(read().hugetlb == std::vector<hugetlb_stat>{{0, 0, "1GB", 0}});
}

TEST_CASE_METHOD(fixture, "values that are no numbers are zero", "[cgroup]") {
    cgroup.write("pids.current", "three\n");
    cgroup.write("pids.max", "");
    cgroup.write("memory.current", "-1\n");
    cgroup.write("memory.events", "");
    cgroup.write("cpu.stat", "rubbish\nusage_usec 1 2\n");
    CHECK(read() == cgroup_metrics{});
}

TEST_CASE_METHOD(fixture, "a dying cgroup reads as a missing one", "[cgroup]") {
    cgroup.write("cpu.stat", "usage_usec 1\n");
    cgroup.write("memory.events", "oom_kill 1\n");
    cgroup.write("pids.current", "1\n");
    test::failing_call dying("read", ENODEV);
    CHECK(read() == cgroup_metrics{});
}

TEST_CASE_METHOD(fixture, "switched-off pressure is absent", "[cgroup]") {
    for (auto name : {"cpu.stat", "memory.stat", "memory.events"}) cgroup.write(name, "usage_usec 1\n");
    cgroup.write("cpu.pressure", "some avg10=1.00 total=2\n");
    cgroup.write("memory.pressure", "some avg10=1.00 total=2\n");
    cgroup.write("io.pressure", "some avg10=1.00 total=2\n");
    // Three files of two reads each come first.
    test::failing_call off("read", EOPNOTSUPP, test::failing_call::always, 6);
    auto metrics = read();
    CHECK(metrics.cpu.usage_usec == 1);
    CHECK_FALSE(metrics.cpu.psi);
    CHECK_FALSE(metrics.memory.psi);
    CHECK_FALSE(metrics.io.psi);
}

TEST_CASE_METHOD(fixture, "unreadable stat files fail the call without a class", "[cgroup]") {
    struct unreadable {
        const char* name;
        int opened_before;
    };
    auto file = GENERATE(values<unreadable>({{"cpu.stat", 0}, {"memory.stat", 1}, {"memory.events", 2}}));
    test::failing_call denied("open", EACCES, 1, file.opened_before);
    auto metrics = read_cgroup_metrics(cgroup.path(), hugepages.path());
    REQUIRE_FALSE(metrics);
    CHECK(metrics.error() == error(errc::unknown, "open " + cgroup.path(file.name) + ": Permission denied"));
}

TEST_CASE_METHOD(fixture, "other unreadable files do not fail the call", "[cgroup]") {
    cgroup.write("cpu.stat", "usage_usec 1\n");
    cgroup.write("pids.current", "2\n");
    hugepages.make_directory("hugepages-2048kB");
    test::failing_call denied("open", EACCES, test::failing_call::always, 3);
    cgroup_metrics expected;
    expected.cpu.usage_usec = 1;
    expected.hugetlb = {{0, 0, "2MB", 0}};
    CHECK(read() == expected);
}

TEST_CASE_METHOD(fixture, "a file over the bound loses whole lines only", "[cgroup]") {
    std::string text;
    while (text.size() < max_cgroup_file) text += "padding 1234567890\n";
    text.resize(max_cgroup_file - 12);
    text.back() = '\n';
    cgroup.write("cpu.stat", text + "usage_usec 1234\n");
    CHECK(read().cpu.usage_usec == 0);
}

}  // namespace vminit::process

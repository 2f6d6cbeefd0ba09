// SPDX-License-Identifier: Apache-2.0
#include "runc/machine.hpp"
#include "runc/number_list.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;

TEST_CASE("resources for another machine are made to fit, also in an update", "[runc]") {
    using row = std::tuple<std::string, std::string, std::string>;
    auto [given, expected, said] = GENERATE(values<row>({
        {R"({"cpu": {"cpus": "8-11"}})", R"({"cpu": {}})", "cpus left out: the machine has 0-1"},
        {R"({"cpu": {"cpus": "1-3,7", "shares": 2}})", R"({"cpu": {"cpus": "1", "shares": 2}})", "cpus 1-3,7 cut to 1"},
        {R"({"cpu": {"cpus": "1,0"}})", R"({"cpu": {"cpus": "1,0"}})", ""},
        {R"({"cpu": {"mems": "1"}})", R"({"cpu": {}})", "mems left out: the machine has 0"},
        {R"({"cpu": {"cpus": "all"}})", R"({"cpu": {"cpus": "all"}})", ""},
        {R"({"unified": {"cpuset.cpus": "0-9", "memory.high": "1"}})",
         R"({"unified": {"cpuset.cpus": "0-1", "memory.high": "1"}})", "cpuset.cpus 0-9 cut to 0-1"},
        {R"({"cpu": {"realtimePeriod": 0, "realtimeRuntime": 5}})", R"({"cpu": {}})",
         "realtimeRuntime left out: not in cgroup v2"},
        {R"({"memory": {"limit": 5, "swap": -1, "kernel": 7, "swappiness": 60, "disableOOMKiller": false}})",
         R"({"memory": {"limit": 5}})",
         "kernel left out: not in cgroup v2; swappiness left out: not in cgroup v2; swap left out: the kernel has no "
         "limit for it"},
        {R"({"blockIO": {"weight": 500, "throttleReadBpsDevice": [{"major": 259, "minor": 0, "rate": 5},
            {"major": 254, "minor": 0, "rate": 6}]}})",
         R"({"blockIO": {"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 6}]}})",
         "weight left out: the kernel has no I/O weights; throttleReadBpsDevice left out: no disk 259:0"},
        {R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 5}, {"pageSize": "1GB", "limit": 5}]})",
         R"({"hugepageLimits": [{"pageSize": "2MB", "limit": 5}]})", "limit of 1GB pages left out: there are none"},
        {R"({"network": {"classID": 5}, "rdma": {"mlx5": {"hcaHandles": 1}}})", "{}",
         "network left out: not in cgroup v2; rdma left out: no such controller"},
        {R"({"cpu": 5, "memory": [], "blockIO": null, "hugepageLimits": {}, "pids": {"limit": 5}})",
         R"({"cpu": 5, "memory": [], "blockIO": null, "hugepageLimits": {}, "pids": {"limit": 5}})", ""},
    }));
    auto machine = make_machine();
    machine.has_swap_limits = false;
    auto updated = fit_resources(given, machine);
    REQUIRE(updated);
    CHECK(parsed(updated->text) == parsed(expected));
    CHECK(updated->said.text() == said);
    auto outcome = fit(R"({"linux": {"resources": )" + given + "}}", machine);
    CHECK(outcome.spec["linux"].at("resources") == parsed(expected));
    CHECK(outcome.said == said);
}

TEST_CASE("resources that are no object are refused", "[runc]") {
    CHECK(fit_resources("", make_machine()).error().kind() == errc::invalid_argument);
    CHECK(fit_resources("[]", make_machine()).error().message() == "resources is no JSON object: invalid argument");
}

TEST_CASE("what two lists of numbers have in common", "[runc]") {
    CHECK(common_numbers("0-3,8", "2-8")->text == "2-3,8");
    CHECK_FALSE(common_numbers("0-3,8", "2-8")->is_all);
    CHECK(common_numbers("3,3-4", "0-4")->is_all);
    CHECK(common_numbers(" 1 ,2\n", "0-4")->text == "1,2");
    CHECK(common_numbers("", "0")->text.empty());
    for (const char* bad : {"a", "1-", "-1", "3-1", "1;2", "99999999999", "0x1"}) CHECK_FALSE(common_numbers(bad, "0"));
}

// SPDX-License-Identifier: Apache-2.0
#include "spec_facts.hpp"

#include <catch2/catch.hpp>

#include "pod_sysctls.hpp"

using namespace vminit;
using namespace vminit::shim;

namespace {

spec_facts facts_of(std::string_view text) {
    auto facts = read_spec_facts(text);
    REQUIRE(facts);
    return *facts;
}

}  // namespace

TEST_CASE("a spec's limits are told, none and less than none are the same", "[shim]") {
    auto facts = facts_of(R"({"linux":{"resources":
        {"memory":{"limit":67108864},"cpu":{"quota":150000,"period":100000}}}})");
    CHECK(facts.limits == resource_limits{67108864, 1500});
    CHECK(facts_of(R"({"linux":{"resources":{"memory":{"limit":-1},"cpu":{"quota":-1}}}})").limits ==
          resource_limits());
    CHECK(facts_of(R"({"linux":{"resources":{"cpu":{"quota":9223372036854775807,"period":1}}}})").limits.cpu_milli > 0);
    CHECK(facts_of("{}").limits == resource_limits());
    CHECK(facts_of(R"({"linux":{"cgroupsPath":"/a/b"}})").cgroups_path == "/a/b");
}

TEST_CASE("annotations say how big the VM is", "[shim]") {
    auto facts = facts_of(R"({"annotations":{"io.vminit.vcpus":"2","io.vminit.memory_mib":"512",
        "io.kubernetes.cri.sandbox-memory":"268435456","io.kubernetes.cri.sandbox-cpu-quota":"50000",
        "io.kubernetes.cri.sandbox-cpu-period":"100000"}})");
    CHECK(facts.vcpus == 2);
    CHECK(facts.memory_mib == 512);
    CHECK(facts.pod == resource_limits{268435456, 500});
    for (const auto* wrong : {"0", "256", "two", "2 ", "-1"}) {
        auto refused = read_spec_facts(R"({"annotations":{"io.vminit.vcpus":")" + std::string(wrong) + R"("}})");
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind() == errc::invalid_argument);
        CHECK(refused.error().context().find("io.vminit.vcpus") != std::string::npos);
    }
}

TEST_CASE("an Update changes what it names", "[shim]") {
    resource_limits before{100, 2000};
    CHECK(*updated_limits(before, R"({"memory":{"limit":200}})") == resource_limits{200, 2000});
    CHECK(*updated_limits(before, R"({"cpu":{"quota":10000,"period":20000}})") == resource_limits{100, 500});
    CHECK(*updated_limits(before, R"({"memory":{"limit":-1}})") == resource_limits{0, 2000});
    CHECK(*updated_limits(before, "") == before);
    CHECK(updated_limits(before, "[]").error().kind() == errc::invalid_argument);
}

TEST_CASE("sysctls of the network are the VM's: a second container can only agree", "[shim]") {
    auto first = facts_of(R"({"linux":{"sysctl":{"net.ipv4.ip_forward":"1","kernel.msgmax":"9"}}})").net_sysctls;
    CHECK(first.size() == 1);
    pod_sysctls pod;
    CHECK(pod.check(first));
    pod.add(first);
    CHECK(pod.check(first));
    CHECK(pod.check({{"net.core.somaxconn", "7"}}));
    auto refused = pod.check({{"net.ipv4.ip_forward", "0"}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::failed_precondition);
    CHECK(refused.error().context() == "sysctl net.ipv4.ip_forward=0: another container of this VM has set it to 1");
    pod.clear();
    CHECK(pod.check({{"net.ipv4.ip_forward", "0"}}));
}

// SPDX-License-Identifier: Apache-2.0
#include "vm_resources.hpp"

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"

using namespace vminit;
using namespace vminit::shim;
using vmm::vm_size;

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::string refusal(resource_limits total) {
    auto size = vm_size_for({1, 256}, total, {4, 1024});
    REQUIRE_FALSE(size);
    CHECK(size.error().kind() == errc::resource_exhausted);
    return size.error().context();
}

}  // namespace

TEST_CASE("a VM is as big as usual, or as its containers may use together and what the guest needs itself", "[shim]") {
    CHECK(*vm_size_for({1, 256}, {}, {4, 1024}) == vm_size{1, 256});
    CHECK(*vm_size_for({1, 256}, {100 * mib, 500}, {4, 1024}) == vm_size{1, 256});
    CHECK(*vm_size_for({1, 256}, {512 * mib, 1001}, {4, 1024}) == vm_size{2, 608});
    CHECK(*vm_size_for({2, 4096}, {}, {1, 1024}) == vm_size{2, 4096});
}

TEST_CASE("limits beyond the maximum are refused with both numbers", "[shim]") {
    CHECK(refusal({0, 4001}) == "limits of 5 processors together: a VM can have at most 4 (setting max_cpus)");
    CHECK(refusal({1024 * mib, 0}) ==
          "memory limits of 1024 MiB together and 96 MiB beside them: a VM can have at most 1024 MiB (setting "
          "max_memory_mib)");
    CHECK(refusal({UINT64_MAX, 0}).find("memory limits") == 0);
    CHECK(refusal({0, UINT64_MAX}).find("limits of") == 0);
}

TEST_CASE_METHOD(test::io_fixture, "the first container's annotations and its pod decide the size at boot", "[shim]") {
    shim_config config;
    config.max_cpus = 3;
    vm_resources resources(ctx, config, {8, 8192});
    CHECK(resources.most() == vm_size{3, 8192});
    spec_facts first;
    CHECK(*resources.boot_size(first) == vm_size{1, 256});
    first.limits = {300 * mib, 0};
    first.pod = {1000 * mib, 2500};
    CHECK(*resources.boot_size(first) == vm_size{3, 1096});
    first.vcpus = 2;
    first.memory_mib = 2000;
    CHECK(*resources.boot_size(first) == vm_size{3, 2000});
    first.pod.cpu_milli = 3001;
    CHECK_FALSE(resources.boot_size(first));
}

// SPDX-License-Identifier: Apache-2.0
#include "process/hugetlb.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "process/fake_cgroup.hpp"

namespace vminit::process {

TEST_CASE("page sizes are named in the largest unit", "[cgroup]") {
    CHECK(parse_page_size("hugepages-64kB") == "64KB");
    CHECK(parse_page_size("hugepages-1023kB") == "1023KB");
    CHECK(parse_page_size("hugepages-1024kB") == "1MB");
    CHECK(parse_page_size("hugepages-2048kB") == "2MB");
    CHECK(parse_page_size("hugepages-1048576kB") == "1GB");
    CHECK(parse_page_size("hugepages-16777216kB") == "16GB");
}

TEST_CASE("other names are no page sizes", "[cgroup]") {
    for (auto bad : {"", ".", "..", "hugepages-", "hugepages-kB", "hugepages-k", "hugepages-2048", "hugepages-2048KB",
                     "hugepages--2kB", "hugepages-2MkB", "xhugepages-2048kB", "hugepages-99999999999999999999kB"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_page_size(bad));
    }
}

TEST_CASE("the kernel's page sizes are those of its directory", "[cgroup]") {
    test::fake_cgroup directory;
    CHECK(list_page_sizes(directory.path()).empty());
    directory.make_directory("hugepages-2048kB");
    directory.make_directory("hugepages-1048576kB");
    directory.make_directory("other");
    auto sizes = list_page_sizes(directory.path());
    std::sort(sizes.begin(), sizes.end());
    CHECK(sizes == std::vector<std::string>{"1GB", "2MB"});
    CHECK(list_page_sizes(directory.path("missing")).empty());
}

}  // namespace vminit::process

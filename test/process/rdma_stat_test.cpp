// SPDX-License-Identifier: Apache-2.0
#include "process/rdma_stat.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace vminit::process {

namespace {
using entries = std::vector<rdma_entry>;
}

TEST_CASE("an rdma file has an entry a device", "[cgroup]") {
    CHECK(parse_rdma_stat("mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=3 hca_object=max\n") ==
          entries{{"mlx4_0", 2, 2000}, {"ocrdma1", 3, 4294967295U}});
    CHECK(parse_rdma_stat("").empty());
}

TEST_CASE("rdma lines that have not three fields are skipped", "[cgroup]") {
    CHECK(parse_rdma_stat("a\na hca_handle=1\na hca_handle=1 hca_object=2 x=3\n\nb hca_object=2 hca_handle=1\n") ==
          entries{{"b", 1, 2}});
}

TEST_CASE("a bad rdma value is zero", "[cgroup]") {
    CHECK(parse_rdma_stat("a hca_handle=4294967296 hca_object=4294967295\nb hca_handle=-1 hca_object=x\nc d e\n") ==
          entries{{"a", 0, 4294967295U}, {"b", 0, 0}, {"c", 0, 0}});
}

TEST_CASE("rdma files are bounded", "[cgroup]") {
    std::string text;
    for (std::size_t line = 0; line < max_rdma_entries + 10; ++line) text += "a b c\n";
    CHECK(parse_rdma_stat(text).size() == max_rdma_entries);
}

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#include "metrics_lines.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace vminit::vminitctl;

TEST_CASE("samples are read with their labels and numbers, the rest is left out", "[vminitctl]") {
    auto samples = metric_samples(
        "# HELP a_total Things.\n"
        "# TYPE a_total counter\n"
        "a_total 18446744073709551615\n"
        "b{name=\"x\",text=\"a \\\"quoted\\\" \\\\ and\\nnext, }\"} 0.25\n"
        "c{le=\"+Inf\"} +Inf\n"
        "\n"
        "d{broken=\"x 1\n"
        "e\n"
        "f{} -3");
    CHECK(boost::json::serialize(samples) ==
          R"([{"name":"a_total","labels":{},"value":18446744073709551615},)"
          R"({"name":"b","labels":{"name":"x","text":"a \"quoted\" \\ and\nnext, }"},"value":2.5E-1},)"
          R"({"name":"c","labels":{"le":"+Inf"},"value":"+Inf"},)"
          R"({"name":"f","labels":{},"value":-3E0}])");
    CHECK(metric_samples("").empty());
}

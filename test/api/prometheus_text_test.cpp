// SPDX-License-Identifier: Apache-2.0
#include "api/prometheus_text.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::api;
using namespace std::chrono_literals;

TEST_CASE("a family has its HELP and TYPE before its samples", "[api]") {
    prometheus_text out;
    out.family("a_total", metric_kind::counter, "Things.");
    out.sample(3u, {{"kind", "x"}, {"name", "y"}});
    out.sample(0u);
    out.single("b", metric_kind::gauge, "One.", 0.25);
    out.single("c_seconds", metric_kind::gauge, "A span.", clock::duration(1500ms));
    CHECK(out.take() ==
          "# HELP a_total Things.\n# TYPE a_total counter\n"
          "a_total{kind=\"x\",name=\"y\"} 3\na_total 0\n"
          "# HELP b One.\n# TYPE b gauge\nb 0.25\n"
          "# HELP c_seconds A span.\n# TYPE c_seconds gauge\nc_seconds 1.5\n");
}

TEST_CASE("what the format takes for its own is escaped", "[api]") {
    prometheus_text out;
    out.family("a", metric_kind::gauge, "back\\slash \"quoted\"\nnext");
    out.sample(1u, {{"name", "back\\slash \"quoted\"\nnext"}});
    CHECK(out.take() ==
          "# HELP a back\\\\slash \"quoted\"\\nnext\n# TYPE a gauge\n"
          "a{name=\"back\\\\slash \\\"quoted\\\"\\nnext\"} 1\n");
}

TEST_CASE("a histogram's buckets are cumulative and end with everything", "[api]") {
    ttrpc::latency_histogram latency;
    latency.record(0us);
    latency.record(15us);
    latency.record(16us);
    latency.record(5ms);
    latency.record(1h);
    prometheus_text out;
    out.family("d_seconds", metric_kind::histogram, "Time.");
    out.sample(latency, {{"method", "M"}});
    auto text = out.take();
    auto value_of = [&](const std::string& line) {
        auto at = text.find("\nd_seconds" + line + " ");
        REQUIRE(at != std::string::npos);
        auto from = at + line.size() + 11;
        return text.substr(from, text.find('\n', from) - from);
    };
    CHECK(value_of("_bucket{method=\"M\",le=\"1.6e-05\"}") == "2");
    CHECK(value_of("_bucket{method=\"M\",le=\"6.4e-05\"}") == "3");
    CHECK(value_of("_bucket{method=\"M\",le=\"0.004096\"}") == "3");
    CHECK(value_of("_bucket{method=\"M\",le=\"0.016384\"}") == "4");
    CHECK(value_of("_bucket{method=\"M\",le=\"16.777216\"}") == "4");
    CHECK(value_of("_bucket{method=\"M\",le=\"+Inf\"}") == "5");
    CHECK(value_of("_count{method=\"M\"}") == "5");
    CHECK(value_of("_sum{method=\"M\"}") == "3600.005031");
}

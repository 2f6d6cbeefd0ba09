// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/metadata.hpp"

#include <catch2/catch.hpp>

#include "vminit/ttrpc/method_metrics.hpp"

using vminit::ttrpc::latency_histogram;
using vminit::ttrpc::metadata;
using namespace std::chrono_literals;

TEST_CASE("metadata is a multi-map of lower-case keys in order", "[ttrpc]") {
    metadata pairs;
    CHECK(pairs.empty());
    pairs.append("Foo", "1");
    pairs.append("bar", "2");
    pairs.append("foo", "3");
    CHECK(pairs.get("foo") == "1");
    CHECK(pairs.values("foo") == std::vector<std::string_view>{"1", "3"});
    CHECK_FALSE(pairs.get("Foo"));
    CHECK_FALSE(pairs.get("baz"));
    CHECK(pairs.begin()->first == "foo");
}

TEST_CASE("latencies fall into powers of two of microseconds", "[ttrpc]") {
    latency_histogram histogram;
    for (auto span : {std::chrono::nanoseconds(0), std::chrono::nanoseconds(999), std::chrono::nanoseconds(-1)}) {
        histogram.record(span);
    }
    histogram.record(1us);
    histogram.record(2us);
    histogram.record(3us);
    histogram.record(4us);
    histogram.record(1h);
    const auto& buckets = histogram.buckets();
    CHECK(buckets[0] == 3);
    CHECK(buckets[1] == 1);
    CHECK(buckets[2] == 2);
    CHECK(buckets[3] == 1);
    CHECK(buckets[latency_histogram::bucket_count - 1] == 1);
}

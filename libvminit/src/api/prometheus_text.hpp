// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "vminit/ttrpc/method_metrics.hpp"

namespace vminit::api {

enum class metric_kind { counter, gauge, histogram };

struct metric_label {
    std::string_view name;
    std::string_view value;  ///< any text; escaped
};

using metric_labels = std::initializer_list<metric_label>;

/// Writes Prometheus text exposition format 0.0.4: families one after the other, each with its samples.
class prometheus_text {
public:
    /// Begins a family: its HELP and TYPE lines. All its samples follow before the next family.
    void family(std::string_view name, metric_kind kind, std::string_view help);

    template <std::unsigned_integral Count>
    void sample(Count value, metric_labels labels = {}) {
        line({}, labels, {}, std::to_string(value));
    }
    void sample(double value, metric_labels labels = {});
    void sample(clock::duration value, metric_labels labels = {});  ///< in seconds

    /// Cumulative buckets up to 17 s, each four times the one before it, then `_sum` and `_count`.
    void sample(const ttrpc::latency_histogram& latency, metric_labels labels);

    /// A family of one sample.
    template <class Value>
    void single(std::string_view name, metric_kind kind, std::string_view help, Value value) {
        family(name, kind, help);
        sample(value);
    }

    std::string take() { return std::move(text_); }

private:
    void line(std::string_view suffix, metric_labels labels, std::string_view bucket, std::string_view value);
    void label(std::string_view name, std::string_view value, char& separator);

    std::string text_;
    std::string name_;
};

}  // namespace vminit::api

// SPDX-License-Identifier: Apache-2.0
#include "prometheus_text.hpp"

#include <fmt/format.h>

namespace vminit::api {

namespace {

// Every second power of two is enough for people and makes half the text; the first and the last of the edges.
constexpr std::size_t first_edge = 4;
constexpr std::size_t last_edge = 24;
constexpr std::size_t edge_step = 2;
static_assert(last_edge == ttrpc::latency_histogram::bucket_count - 2);

std::string_view kind_name(metric_kind kind) {
    switch (kind) {
        case metric_kind::counter:
            return "counter";
        case metric_kind::gauge:
            return "gauge";
        case metric_kind::histogram:
            return "histogram";
    }
    return "untyped";
}

void append_escaped(std::string& out, std::string_view text, bool is_label) {
    for (char letter : text) {
        if (letter == '\\') {
            out += "\\\\";
        } else if (letter == '\n') {
            out += "\\n";
        } else if (is_label && letter == '"') {
            out += "\\\"";
        } else {
            out += letter;
        }
    }
}

double seconds_of(clock::duration span) { return std::chrono::duration<double>(span).count(); }

std::string number(double value) { return fmt::format("{}", value); }

}  // namespace

void prometheus_text::family(std::string_view name, metric_kind kind, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + " ";
    append_escaped(text_, help, false);
    text_ += "\n# TYPE " + name_ + " ";
    text_ += kind_name(kind);
    text_ += '\n';
}

void prometheus_text::sample(double value, metric_labels labels) { line({}, labels, {}, number(value)); }

void prometheus_text::sample(clock::duration value, metric_labels labels) { sample(seconds_of(value), labels); }

void prometheus_text::sample(const ttrpc::latency_histogram& latency, metric_labels labels) {
    const auto& buckets = latency.buckets();
    std::uint64_t below = 0;
    for (std::size_t at = 0; at < buckets.size(); ++at) {
        below += buckets[at];
        bool is_edge = at >= first_edge && at <= last_edge && (at - first_edge) % edge_step == 0;
        if (!is_edge) continue;
        auto edge = std::chrono::microseconds(std::uint64_t{1} << at);
        line("_bucket", labels, number(seconds_of(edge)), std::to_string(below));
    }
    line("_bucket", labels, "+Inf", std::to_string(below));
    line("_sum", labels, {}, number(seconds_of(latency.total())));
    line("_count", labels, {}, std::to_string(below));
}

void prometheus_text::label(std::string_view name, std::string_view value, char& separator) {
    text_ += separator;
    separator = ',';
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, value, true);
    text_ += '"';
}

void prometheus_text::line(std::string_view suffix, metric_labels labels, std::string_view bucket,
                           std::string_view value) {
    text_ += name_;
    text_ += suffix;
    char separator = '{';
    for (const auto& one : labels) label(one.name, one.value, separator);
    if (!bucket.empty()) label("le", bucket, separator);
    if (separator == ',') text_ += '}';
    text_ += ' ';
    text_ += value;
    text_ += '\n';
}

}  // namespace vminit::api

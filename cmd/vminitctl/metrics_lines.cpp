// SPDX-License-Identifier: Apache-2.0
#include "metrics_lines.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

// `"` at the front; takes the text off, with its escapes undone.
std::optional<std::string> take_quoted(std::string_view& rest) {
    if (!rest.starts_with('"')) return std::nullopt;
    std::string value;
    for (std::size_t at = 1; at < rest.size(); ++at) {
        if (rest[at] == '"') {
            rest.remove_prefix(at + 1);
            return value;
        }
        bool is_escape = rest[at] == '\\' && at + 1 < rest.size();
        if (is_escape) ++at;
        value += is_escape && rest[at] == 'n' ? '\n' : rest[at];
    }
    return std::nullopt;
}

// `{` at the front; takes the labels off with their `}`.
std::optional<json::object> take_labels(std::string_view& rest) {
    json::object labels;
    rest.remove_prefix(1);
    while (!rest.starts_with('}')) {
        auto equals = rest.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        auto name = rest.substr(0, equals);
        rest.remove_prefix(equals + 1);
        auto value = take_quoted(rest);
        if (!value) return std::nullopt;
        labels.emplace(name, *value);
        if (rest.starts_with(',')) rest.remove_prefix(1);
    }
    rest.remove_prefix(1);
    return labels;
}

json::value number_in(std::string_view text) {
    std::uint64_t whole = 0;
    auto [whole_end, no_whole] = std::from_chars(text.begin(), text.end(), whole);
    if (no_whole == std::errc() && whole_end == text.end()) return whole;
    double value = 0;
    auto [end, failure] = std::from_chars(text.begin(), text.end(), value);
    if (failure == std::errc() && end == text.end() && std::isfinite(value)) return value;
    return json::value(text);
}

std::optional<json::object> sample_in(std::string_view line) {
    if (line.empty() || line.starts_with('#')) return std::nullopt;
    auto name = line.substr(0, line.find_first_of("{ "));
    line.remove_prefix(name.size());
    json::object labels;
    if (line.starts_with('{')) {
        auto taken = take_labels(line);
        if (!taken) return std::nullopt;
        labels = std::move(*taken);
    }
    if (name.empty() || !line.starts_with(' ')) return std::nullopt;
    json::object sample{{"name", name}, {"labels", std::move(labels)}, {"value", number_in(line.substr(1))}};
    return sample;
}

}  // namespace

json::array metric_samples(std::string_view text) {
    json::array samples;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (auto sample = sample_in(line)) samples.push_back(std::move(*sample));
    }
    return samples;
}

}  // namespace vminit::vminitctl

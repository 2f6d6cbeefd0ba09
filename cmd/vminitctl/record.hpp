// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/value.hpp>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vminit::vminitctl {

/// One named fact of an answer. JSON gets `value`; people get `text`, or `value` as text when `text` is empty.
struct field {
    field(std::string_view name, boost::json::value content, std::string for_people = {})
        : key(name), value(std::move(content)), text(std::move(for_people)) {}

    template <class Text>
        requires std::convertible_to<const Text&, std::string_view> && (!std::same_as<Text, std::nullptr_t>)
    field(std::string_view name, const Text& content)
        : key(name), value(boost::json::value(std::string_view(content))) {}

    std::string key;
    boost::json::value value;
    std::string text;
};

/// What a command answers: facts in the order to show them.
using record = std::vector<field>;

/// A time as a fact: RFC 3339 text, null (and `-`) when `text` is empty.
boost::json::value time_value(const std::string& text);

/// For people: `text`, else the value without quotes, `-` for null and empty strings. One line: control characters,
/// which could drive the terminal, become `?`.
std::string shown(const field& fact);

/// The name people see: no underscores, and no unit where the text has its own (`cpu_usage_usec` -> `cpu usage`).
std::string title_of(const field& fact);

/// `text` with every control character replaced by `?`.
std::string printable(std::string_view text);

/// `{"key": value, ...}`.
boost::json::object to_json(const record& facts);

}  // namespace vminit::vminitctl

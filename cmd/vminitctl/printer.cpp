// SPDX-License-Identifier: Apache-2.0
#include "printer.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "inherited_descriptor.hpp"
#include "table.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

std::string class_text(errc kind) { return common_category().message(static_cast<int>(kind)); }

// A status message ends with its class text by convention (`container not created: not found`); it is shown in front.
std::string without_class(const error& failure) {
    auto message = failure.message();
    auto suffix = ": " + class_text(failure.kind());
    while (message.ends_with(suffix)) message.resize(message.size() - suffix.size());
    return message;
}

}  // namespace

std::string error_line(const error& failure) {
    auto kind = class_text(failure.kind());
    auto message = without_class(failure);
    return printable(message.empty() || message == kind ? kind : kind + ": " + message);
}

result<output_format> parse_output_format(std::string_view text) {
    if (text == "text") return output_format::text;
    if (text == "json") return output_format::json;
    if (text == "jsonl") return output_format::json_lines;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not text, json or jsonl", text));
}

void printer::put(std::string_view text) {
    if (write_failure_) return;
    if (auto put = write_fully(out_, text, "stdout"); !put) write_failure_ = put.error();
}

void printer::put_error(std::string_view text) {
    // Nobody is left to tell when stderr is gone.
    (void)write_fully(err_, text, "stderr");
}

void printer::answer(const record& facts) {
    put(is_json() ? json::serialize(to_json(facts)) + "\n" : listing_of(facts));
}

void printer::answers(std::span<const record> rows, std::span<const std::string_view> titles) {
    if (!is_json()) return put(table_of(rows, titles));
    if (format_ == output_format::json_lines) {
        std::string lines;
        for (const auto& row : rows) lines += json::serialize(to_json(row)) + "\n";
        return put(lines);
    }
    json::array list;
    for (const auto& row : rows) list.push_back(to_json(row));
    put(json::serialize(list) + "\n");
}

void printer::line(const record& facts, std::string_view text) {
    put(is_json() ? json::serialize(to_json(facts)) + "\n" : printable(text) + "\n");
}

void printer::say(std::string_view text) {
    if (!is_json()) put(text);
}

void printer::report(const record& facts) {
    if (is_json()) put_error(json::serialize(to_json(facts)) + "\n");
}

void printer::warn(std::string_view text) { put_error(fmt::format("vminitctl: warning: {}\n", printable(text))); }

void printer::fail(const error& failure) {
    if (!is_json()) return put_error(fmt::format("vminitctl: {}\n", error_line(failure)));
    json::object details{{"class", class_text(failure.kind())},
                         {"code", static_cast<int>(failure.kind())},
                         {"message", failure.message()}};
    json::object whole{{"error", std::move(details)}};
    put_error(json::serialize(whole) + "\n");
}

}  // namespace vminit::vminitctl

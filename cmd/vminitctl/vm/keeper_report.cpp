// SPDX-License-Identifier: Apache-2.0
#include "vm/keeper_report.hpp"

#include <boost/json.hpp>

#include "record.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(std::string_view(value->get_string())) : std::string();
}

int number_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    error_code failure;
    auto number = value == nullptr ? 0 : value->to_number<int>(failure);
    return failure ? 0 : number;
}

}  // namespace

std::string to_text(const keeper_report& report) {
    json::object object{{"kind", report.kind}, {"text", report.text},       {"notes", report.notes},
                        {"rpc", report.rpc},   {"streams", report.streams}, {"directory", report.directory},
                        {"pid", report.pid}};
    return json::serialize(object) + "\n";
}

result<keeper_report> parse_report(std::string_view line) {
    error_code failure;
    auto document = json::parse(json::string_view(line.data(), line.size()), failure);
    const auto* object = failure ? nullptr : document.if_object();
    if (object == nullptr) return error(errc::invalid_argument, "not a keeper's report");
    keeper_report report;
    report.kind = number_at(*object, "kind");
    report.text = text_at(*object, "text");
    report.notes = text_at(*object, "notes");
    report.rpc = text_at(*object, "rpc");
    report.streams = text_at(*object, "streams");
    report.directory = text_at(*object, "directory");
    report.pid = number_at(*object, "pid");
    return report;
}

error failure_of(const keeper_report& report) {
    bool is_known =
        report.kind >= static_cast<int>(errc::cancelled) && report.kind <= static_cast<int>(errc::unauthenticated);
    auto kind = is_known ? static_cast<errc>(report.kind) : errc::unknown;
    return error(kind, report.text.substr(0, report.text.find('\n')));
}

std::string details_of(const keeper_report& report) {
    auto begin = report.text.find('\n');
    if (begin == std::string::npos) return {};
    std::string details;
    std::string_view rest = std::string_view(report.text).substr(begin + 1);
    while (!rest.empty()) {
        auto end = rest.find('\n');
        details += printable(rest.substr(0, end)) + "\n";
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return details;
}

}  // namespace vminit::vminitctl

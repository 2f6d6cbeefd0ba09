// SPDX-License-Identifier: Apache-2.0
#include "log_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "vminit/core/text.hpp"
#include "vminit/core/utf8.hpp"

namespace vminit::vminitctl {

namespace {

namespace json = boost::json;
namespace wire = vminit::system::v1;

constexpr std::array<std::string_view, 8> levels = {"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"};

std::string_view level_name(std::uint32_t level) { return levels[std::min<std::size_t>(level, levels.size() - 1)]; }

bool is_kernels(const wire::LogLine& line) { return line.source() == wire::LogsRequest::KERNEL; }

std::string value_text(const json::value& value) {
    const auto* text = value.if_string();
    bool is_bare = text != nullptr && !text->empty() && text->find_first_of(" \"=") == json::string::npos;
    return is_bare ? std::string(*text) : json::serialize(value);
}

// Its log is JSON unless it was told otherwise. The time is in front already.
std::string own_text(const std::string& text) {
    boost::system::error_code malformed;
    auto parsed = json::parse(text, malformed);
    const auto* object = parsed.if_object();
    if (malformed || object == nullptr || !object->contains("msg")) return text;
    std::string shown;
    for (const auto& [key, value] : *object) {
        bool is_text = value.is_string() && (key == "level" || key == "msg");
        if (key == "time") continue;
        shown += shown.empty() ? "" : " ";
        shown += is_text ? std::string(value.as_string()) : std::string(key) + "=" + value_text(value);
    }
    return shown;
}

}  // namespace

result<std::uint32_t> parse_syslog_level(const std::string& text) {
    auto name = text == "error" ? "err" : text == "warning" ? "warn" : text;
    auto found = std::find(levels.begin(), levels.end(), name);
    if (found != levels.end()) return static_cast<std::uint32_t>(found - levels.begin());
    auto number = parse_number<std::uint32_t>(text);
    if (number && *number < levels.size()) return *number;
    return error(errc::invalid_argument, fmt::format("\"{}\" is none of {}", text, fmt::join(levels, ", ")));
}

std::string without_escapes(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        auto code = text.starts_with("\\x") ? parse_number<unsigned char>(text.substr(2, 2), 16) : std::nullopt;
        bytes += code && text.size() >= 4 ? static_cast<char>(*code) : text.front();
        text.remove_prefix(code && text.size() >= 4 ? 4 : 1);
    }
    return as_utf8(bytes, 3 * bytes.size());
}

std::vector<std::string> shown_lines(const wire::LogLine& line) {
    auto time = fmt::format("[{:5}.{:06}] ", line.time_us() / 1000000, line.time_us() % 1000000);
    if (!is_kernels(line)) return {time + "vminitd: " + own_text(line.text())};
    std::vector<std::string> lines;
    auto text = without_escapes(line.text());
    for (auto part : split(text, '\n')) lines.push_back(time + std::string(part));
    return lines;
}

record log_facts(const wire::LogLine& line) {
    return {{"source", is_kernels(line) ? "kernel" : "vminitd"},
            {"level", level_name(line.level())},
            {"time_us", line.time_us()},
            {"sequence", line.sequence()},
            {"text", is_kernels(line) ? without_escapes(line.text()) : line.text()},
            {"lost", line.lost()}};
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "vminit/core/utf8.hpp"

namespace vminit {

namespace {

using line_buffer = fmt::memory_buffer;

std::string_view name_of(log_level level) noexcept {
    switch (level) {
        case log_level::debug: return "debug";
        case log_level::info: return "info";
        case log_level::warn: return "warn";
        case log_level::error: return "error";
    }
    return "error";
}

void append(line_buffer& out, std::string_view text) { out.append(text.data(), text.data() + text.size()); }

// Control characters are escaped in both formats: a container's name must not be able to forge a line. Bytes that are
// not UTF-8 (a runtime's words, a file's name) become U+FFFD: a line of JSON with them would be none.
void append_escaped(line_buffer& out, std::string_view text) {
    while (!text.empty()) {
        auto piece = take_utf8(text);
        char c = piece.front();
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (c == '\n') {
            append(out, "\\n");
        } else if (byte < 0x20 || byte == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
        } else {
            append(out, piece);
        }
    }
}

void append_quoted(line_buffer& out, std::string_view text) {
    out.push_back('"');
    append_escaped(out, text);
    out.push_back('"');
}

bool needs_quotes(std::string_view text) noexcept {
    return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
               return c == ' ' || c == '"' || c == '=' || static_cast<unsigned char>(c) < 0x20 ||
                      static_cast<unsigned char>(c) > 0x7e;
           });
}

void append_value(line_buffer& out, const log_value& value, log_format format) {
    const auto& held = value.get();
    if (const auto* text = std::get_if<std::string_view>(&held)) {
        if (format == log_format::json || needs_quotes(*text)) {
            append_quoted(out, *text);
        } else {
            append(out, *text);
        }
    } else if (const auto* flag = std::get_if<bool>(&held)) {
        append(out, *flag ? "true" : "false");
    } else if (const auto* integer = std::get_if<std::int64_t>(&held)) {
        fmt::format_to(std::back_inserter(out), "{}", *integer);
    } else {
        fmt::format_to(std::back_inserter(out), "{}", std::get<std::uint64_t>(held));
    }
}

// The calendar of <chrono> instead of fmt's: that one brings locales and time zones, a tenth of a static program.
void append_timestamp(line_buffer& out) {
    auto now = std::chrono::floor<std::chrono::microseconds>(wall_now());
    auto midnight = std::chrono::floor<std::chrono::days>(now);
    std::chrono::year_month_day date(midnight);
    std::chrono::hh_mm_ss time(now - midnight);
    fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                   time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

void render_json(line_buffer& out, log_level level, std::string_view message, std::initializer_list<log_field> fields) {
    append(out, R"({"time":")");
    append_timestamp(out);
    append(out, R"(","level":")");
    append(out, name_of(level));
    append(out, R"(","msg":)");
    append_quoted(out, message);
    for (const auto& field : fields) {
        out.push_back(',');
        append_quoted(out, field.key);
        out.push_back(':');
        append_value(out, field.value, log_format::json);
    }
    out.push_back('}');
}

void render_text(line_buffer& out, log_level level, std::string_view message, std::initializer_list<log_field> fields) {
    fmt::format_to(std::back_inserter(out), "{:<5} ", name_of(level));
    append_escaped(out, message);
    for (const auto& field : fields) {
        out.push_back(' ');
        append(out, field.key);
        out.push_back('=');
        append_value(out, field.value, log_format::text);
    }
}

}  // namespace

log_sink descriptor_sink(int fd) {
    return [fd](log_level, std::string_view line) {
        std::string whole(line);
        whole.push_back('\n');
        // One write, so that lines of several writers do not mix; a console that refuses loses the line, not PID 1's time.
        [[maybe_unused]] auto written = ::write(fd, whole.data(), whole.size());
    };
}

logger::logger(log_sink sink, log_level level, log_format format)
    : sink_(std::move(sink)), level_(level), format_(format), refilled_(clock::now()) {}

void logger::debug(std::string_view message, std::initializer_list<log_field> fields) {
    write(log_level::debug, message, fields);
}

void logger::info(std::string_view message, std::initializer_list<log_field> fields) {
    write(log_level::info, message, fields);
}

void logger::warn(std::string_view message, std::initializer_list<log_field> fields) {
    write(log_level::warn, message, fields);
}

void logger::error(std::string_view message, std::initializer_list<log_field> fields) {
    write(log_level::error, message, fields);
}

void logger::verbatim(std::string_view line) { sink_(log_level::info, line); }

bool logger::admit(log_level level) {
    auto now = clock::now();
    // A `manual_time` put in place later may start before the last line's time.
    double elapsed = std::max(0.0, std::chrono::duration<double>(now - refilled_).count());
    refilled_ = now;
    tokens_ = std::min<double>(burst, tokens_ + elapsed * rate_limit);
    if (tokens_ < 1 && level != log_level::error) {
        ++dropped_;
        ++dropped_total_;
        return false;
    }
    tokens_ = std::max(0.0, tokens_ - 1);
    return true;
}

void logger::write(log_level level, std::string_view message, std::initializer_list<log_field> fields) {
    if (!is_enabled(level) || !admit(level)) return;
    auto render = format_ == log_format::json ? render_json : render_text;
    line_buffer out;
    if (auto missed = std::exchange(dropped_, 0)) {
        render(out, log_level::warn, "log lines dropped", {{"count", missed}});
        sink_(log_level::warn, std::string_view(out.data(), out.size()));
        out.clear();
    }
    render(out, level, message, fields);
    sink_(level, std::string_view(out.data(), out.size()));
}

bool parse_log_level(std::string_view text, log_level& level) noexcept {
    for (auto candidate : {log_level::debug, log_level::info, log_level::warn, log_level::error}) {
        if (text == name_of(candidate)) {
            level = candidate;
            return true;
        }
    }
    return false;
}

log_service::log_service(asio::execution_context& context)
    : log_service(context, logger(descriptor_sink(STDERR_FILENO))) {}

log_service::log_service(asio::execution_context& context, logger configured)
    : asio::execution_context::service(context), logger_(std::move(configured)) {}

logger& log_of(asio::execution_context& context) { return asio::use_service<log_service>(context).log(); }

}  // namespace vminit

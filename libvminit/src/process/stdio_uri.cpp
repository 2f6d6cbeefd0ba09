// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/stdio_uri.hpp"

#include <algorithm>
#include <optional>

#include "vminit/core/text.hpp"

namespace vminit::process {

namespace {

constexpr std::string_view separator = "://";

error invalid(std::string_view uri, std::string_view why) {
    std::string text("stdio \"");
    text.append(uri).append("\": ").append(why);
    return error(errc::invalid_argument, std::move(text));
}

int hex_digit(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

// %XX and, in a query, + for space (RFC 3986 and HTML forms, as Go's net/url). A stray % is an error.
std::optional<std::string> decoded(std::string_view text, bool is_query) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_query && text[i] == '+') {
            plain.push_back(' ');
        } else if (text[i] == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            plain.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else {
            plain.push_back(text[i]);
        }
    }
    if (plain.find('\0') != std::string::npos) return std::nullopt;
    return plain;
}

result<stdio_target> parse_stream(std::string_view uri, std::string_view name, stream_handshake handshake) {
    if (name.empty()) return invalid(uri, "not a stream");
    stdio_target target;
    target.scheme = stdio_scheme::stream;
    if (handshake == stream_handshake::name) {
        target.stream = name;
        return target;
    }
    auto number = parse_number<std::uint32_t>(name);
    if (!number) return invalid(uri, "not a stream");
    target.stream = std::to_string(*number);
    return target;
}

result<stdio_target> parse_path(std::string_view uri, stdio_scheme scheme, std::string_view path) {
    if (!path.starts_with('/')) return invalid(uri, "the path is not absolute");
    auto plain = decoded(path, false);
    if (!plain) return invalid(uri, "cannot be decoded");
    stdio_target target;
    target.scheme = scheme;
    target.path = std::move(*plain);
    return target;
}

result<stdio_target> parse_binary(std::string_view uri, std::string_view rest) {
    auto query_at = rest.find('?');
    auto target = parse_path(uri, stdio_scheme::binary, rest.substr(0, query_at));
    if (!target || query_at == std::string_view::npos) return target;
    auto query = rest.substr(query_at + 1);
    while (!query.empty()) {
        auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        if (pair.empty()) continue;
        auto equals = pair.find('=');
        auto key = decoded(pair.substr(0, equals), true);
        auto value = decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
        if (!key || !value) return invalid(uri, "cannot be decoded");
        target->arguments.emplace_back(std::move(*key), std::move(*value));
    }
    return target;
}

}  // namespace

result<stdio_target> parse_stdio_uri(std::string_view uri, stdio_direction direction, stream_handshake handshake) {
    if (uri.empty()) return stdio_target();
    auto at = uri.find(separator);
    if (at == std::string_view::npos) {
        // A plain path is taken as it is: % is an ordinary character in it.
        if (!uri.starts_with('/')) return invalid(uri, "the path is not absolute");
        if (uri.find('\0') != std::string_view::npos) return invalid(uri, "the path contains NUL");
        stdio_target target;
        target.scheme = stdio_scheme::fifo;
        target.path = uri;
        return target;
    }
    auto scheme = uri.substr(0, at);
    auto rest = uri.substr(at + separator.size());
    bool is_input = direction == stdio_direction::input;
    if (scheme == "stream") return parse_stream(uri, rest, handshake);
    if (scheme == "fifo") return parse_path(uri, stdio_scheme::fifo, rest);
    if (scheme == "file" && !is_input) return parse_path(uri, stdio_scheme::file, rest);
    if ((scheme == "log" && !is_input) || (scheme == "attach" && is_input)) {
        if (!rest.empty()) return invalid(uri, "nothing may follow " + std::string(scheme) + "://");
        stdio_target target;
        target.scheme = is_input ? stdio_scheme::attach : stdio_scheme::log;
        return target;
    }
    bool is_binary = scheme == "binary" || scheme == "binary-v2";
    if (is_binary && !is_input) {
        auto target = parse_binary(uri, rest);
        if (target) target->must_say_ready = scheme == "binary-v2";
        return target;
    }
    if (is_binary || scheme == "file" || scheme == "log") return invalid(uri, "cannot be read from");
    if (scheme == "attach") return invalid(uri, "cannot be written to");
    return error(errc::not_implemented, "unsupported STDIO scheme " + std::string(scheme));
}

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/mount_table.hpp"

#include <sys/sysmacros.h>

#include <optional>

#include "vminit/core/file.hpp"
#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t table_limit = std::size_t{8} << 20;  // thousands of mounts with long overlay options

bool parse_device(std::string_view text, dev_t& device) noexcept {
    auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    auto major_number = parse_number<unsigned>(text.substr(0, colon));
    auto minor_number = parse_number<unsigned>(text.substr(colon + 1));
    if (!major_number || !minor_number) return false;
    device = ::makedev(*major_number, *minor_number);
    return true;
}

// 36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue
std::optional<mount_info> parse_line(std::string_view line) {
    mount_info info;
    auto id = parse_number<decltype(info.id)>(take_until(line, ' '));
    auto parent = parse_number<decltype(info.parent)>(take_until(line, ' '));
    if (!id || !parent || !parse_device(take_until(line, ' '), info.device)) return std::nullopt;
    info.id = *id;
    info.parent = *parent;
    info.root = decode_octal_escapes(take_until(line, ' '));
    info.mount_point = decode_octal_escapes(take_until(line, ' '));
    info.options = take_until(line, ' ');
    while (!line.empty()) {
        if (take_until(line, ' ') != "-") continue;
        info.type = decode_octal_escapes(take_until(line, ' '));
        info.source = decode_octal_escapes(take_until(line, ' '));
        info.super_options = take_until(line, ' ');
        if (info.mount_point.empty() || info.type.empty()) return std::nullopt;
        return info;
    }
    return std::nullopt;
}

bool is_octal(char c) noexcept { return c >= '0' && c <= '7'; }

}  // namespace

bool has_option_word(std::string_view list, std::string_view word) noexcept {
    while (!list.empty()) {
        auto end = list.find(',');
        if (list.substr(0, end) == word) return true;
        if (end == std::string_view::npos) break;
        list.remove_prefix(end + 1);
    }
    return false;
}

bool mount_info::has_option(std::string_view word) const noexcept {
    return has_option_word(options, word) || has_option_word(super_options, word);
}

std::string decode_octal_escapes(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        bool is_escape = text[at] == '\\' && at + 3 < text.size() && text[at + 1] <= '3' && is_octal(text[at + 1]) &&
                         is_octal(text[at + 2]) && is_octal(text[at + 3]);
        if (!is_escape) {
            decoded.push_back(text[at]);
            continue;
        }
        int value = (text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0');
        decoded.push_back(static_cast<char>(value));
        at += 3;
    }
    return decoded;
}

std::vector<mount_info> parse_mount_table(std::string_view text) {
    std::vector<mount_info> table;
    while (!text.empty()) {
        auto end = text.find('\n');
        if (auto info = parse_line(text.substr(0, end))) table.push_back(std::move(*info));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return table;
}

result<std::vector<mount_info>> read_mount_table(const std::string& path) {
    auto text = read_file(path, table_limit);
    if (!text) return text.error();
    return parse_mount_table(*text);
}

bool is_beneath(std::string_view path, std::string_view directory) noexcept {
    if (!path.starts_with(directory)) return false;
    return path.size() == directory.size() || directory.ends_with('/') || path[directory.size()] == '/';
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "system/tar_header.hpp"
#include "vminit/core/text.hpp"
#include "vminit/system/tar_stream.hpp"

namespace vminit::system {

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t latest = std::numeric_limits<std::int64_t>::max() / second;

error damaged(std::string what) { return error(errc::invalid_argument, "tar archive: " + std::move(what)); }

std::string_view text_in(std::string_view block, tar::field where) {
    auto text = block.substr(where.offset, where.size);
    return text.substr(0, text.find('\0'));
}

std::optional<std::int64_t> binary_number(std::string_view bytes) {
    // The highest bit says that it is one; the next is its sign.
    auto first = static_cast<unsigned char>(bytes.front());
    bool is_negative = (first & 0x40) != 0;
    auto value = static_cast<std::int64_t>(first & 0x3f) - (is_negative ? 0x40 : 0);
    for (char byte : bytes.substr(1)) {
        constexpr auto limit = std::numeric_limits<std::int64_t>::max() >> 8;
        if (value > limit || value < -limit) return std::nullopt;
        value = value * 256 + static_cast<unsigned char>(byte);
    }
    return value;
}

std::optional<std::int64_t> number_in(std::string_view block, tar::field where) {
    auto field = block.substr(where.offset, where.size);
    if ((static_cast<unsigned char>(field.front()) & 0x80) != 0) return binary_number(field);
    std::string_view space(" \0", 2);
    auto begin = std::min(field.find_first_not_of(space), field.size());
    auto digits = field.substr(begin, field.find_first_of(space, begin) - begin);
    std::int64_t value = 0;
    for (char digit : digits) {
        if (digit < '0' || digit > '7') return std::nullopt;
        value = value * 8 + (digit - '0');
    }
    return value;
}

// Without "..", "." and what is empty between slashes: nothing that leads out of where it is put.
std::string path_below(std::string_view text) {
    std::vector<std::string_view> names;
    while (!text.empty()) {
        auto name = take_until(text, '/');
        if (name == ".." && !names.empty()) names.pop_back();
        if (!name.empty() && name != "." && name != "..") names.push_back(name);
    }
    std::string path;
    for (auto name : names) path.append(path.empty() ? "" : "/").append(name);
    return path;
}

// Of a decimal fraction the whole part.
std::optional<std::int64_t> decimal(std::string_view text) {
    return parse_number<std::int64_t>(text.substr(0, text.find('.')));
}

file_kind kind_of(char type, std::string_view name) noexcept {
    if (type == '1') return file_kind::hard_link;
    if (type == '2') return file_kind::symlink;
    if (type == '5') return file_kind::directory;
    bool is_file = type == '0' || type == '\0' || type == '7';
    // Before POSIX a directory was a file with this name.
    if (is_file) return name.ends_with('/') ? file_kind::directory : file_kind::file;
    return file_kind::other;
}

}  // namespace

result<void> tar_decoder::feed(std::string_view bytes, std::vector<file_piece>& pieces) {
    result<void> outcome;
    while (outcome && !bytes.empty() && !is_over()) bytes.remove_prefix(take(bytes, pieces, outcome));
    return outcome;
}

result<void> tar_decoder::finish() const {
    if (is_over()) return {};
    bool is_between = state_ == state::header && block_.empty() && has_begun_;
    if (!is_between || extras_.path || extras_.target) return damaged("it ends too early");
    return {};
}

// The state that the next byte is for.
void tar_decoder::expect(state next, std::uint64_t size) {
    left_ = size;
    padding_ = tar::padding_of(size);
    state_ = next;
    if (size != 0) return;
    state_ = state::header;
}

std::size_t tar_decoder::take(std::string_view bytes, std::vector<file_piece>& pieces, result<void>& outcome) {
    if (state_ == state::header) {
        auto taken = bytes.substr(0, tar::block_size - block_.size());
        block_.append(taken);
        if (block_.size() == tar::block_size) {
            outcome = take_header(pieces);
            block_.clear();
        }
        return taken.size();
    }
    auto taken = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    if (state_ == state::bytes) pieces.push_back(file_piece{std::nullopt, std::string(taken)});
    if (state_ == state::text) text_.append(taken);
    left_ -= taken.size();
    if (left_ != 0) return taken.size();
    if (state_ == state::text) outcome = take_text();
    state_ = padding_ == 0 ? state::header : state::skipped;
    left_ = std::exchange(padding_, 0);
    return taken.size();
}

result<void> tar_decoder::take_header(std::vector<file_piece>& pieces) {
    bool is_empty = block_.find_first_not_of('\0') == std::string::npos;
    if (is_empty && has_empty_block_) state_ = state::over;
    has_begun_ = true;
    if (is_empty) {
        has_empty_block_ = true;
        return {};
    }
    if (has_empty_block_) return damaged("an empty block between its entries");
    auto sum = number_in(block_, tar::checksum);
    if (!sum || *sum != tar::sum_of(block_)) return damaged("a header is damaged");
    char type = block_[tar::type.offset];
    auto size = extras_.size ? extras_.size : number_in(block_, tar::size);
    if (!size || *size < 0) return damaged("an entry without a size");
    switch (type) {
        case 'x':
        case 'L':
        case 'K':
            return begin_text(type, *size);
        case 'g':  // of all entries: nothing that we would keep
        case 'V':
            expect(state::skipped, static_cast<std::uint64_t>(*size));
            return {};
        default:
            return take_entry(type, pieces);
    }
}

result<void> tar_decoder::begin_text(char type, std::int64_t size) {
    if (size > std::int64_t{max_text})
        return error(errc::resource_exhausted, "tar archive: a header of more than 64 KiB");
    text_.clear();
    text_type_ = type;
    expect(state::text, static_cast<std::uint64_t>(size));
    return {};
}

result<void> tar_decoder::take_text() {
    auto text = std::exchange(text_, {});
    auto until_nul = text.substr(0, text.find('\0'));
    if (text_type_ == 'L') extras_.path = std::move(until_nul);
    if (text_type_ == 'K') extras_.target = std::move(until_nul);
    if (text_type_ != 'x') return {};
    for (std::string_view left = text; !left.empty();) {
        auto space = left.find(' ');
        auto length = parse_number<std::size_t>(left.substr(0, space));
        bool is_record = space != left.npos && length && *length > space + 1 && *length <= left.size();
        auto record = is_record ? left.substr(space + 1, *length - space - 1) : std::string_view();
        auto equals = record.find('=');
        if (equals == record.npos || !record.ends_with('\n')) return damaged("a damaged pax header");
        auto taken = take_record(record.substr(0, equals), record.substr(equals + 1, record.size() - equals - 2));
        if (!taken) return taken;
        left.remove_prefix(*length);
    }
    return {};
}

result<void> tar_decoder::take_record(std::string_view key, std::string_view value) {
    if (key.starts_with("GNU.sparse.")) return error(errc::not_implemented, "tar archive: a file with holes");
    if (key == "path") extras_.path = std::string(value);
    if (key == "linkpath") extras_.target = std::string(value);
    std::optional<std::int64_t>* number = key == "size"    ? &extras_.size
                                          : key == "uid"   ? &extras_.uid
                                          : key == "gid"   ? &extras_.gid
                                          : key == "mtime" ? &extras_.modified
                                                           : nullptr;
    if (number == nullptr) return {};
    *number = decimal(value);
    return *number ? result<void>() : damaged(std::string(key) + " is no number");
}

result<file_entry> tar_decoder::entry_of(char type) const {
    std::string_view block(block_);
    std::string name(text_in(block, tar::name));
    bool is_posix = block.substr(tar::magic.offset, tar::magic.size) == tar::posix_magic;
    auto prefix = is_posix ? text_in(block, tar::prefix) : std::string_view();
    if (!prefix.empty()) name.insert(0, std::string(prefix) + "/");
    if (extras_.path) name = *extras_.path;
    file_entry entry;
    entry.kind = kind_of(type, name);
    entry.path = path_below(name);
    entry.target = extras_.target.value_or(std::string(text_in(block, tar::link_name)));
    if (entry.kind == file_kind::hard_link) entry.target = path_below(entry.target);
    bool is_long = entry.path.size() >= max_name || entry.target.size() >= max_name;
    if (is_long) return error(errc::resource_exhausted, "tar archive: a name of more than 4095 bytes");
    bool is_name = entry.path.find('\0') == std::string::npos && entry.target.find('\0') == std::string::npos;
    auto mode = number_in(block, tar::mode);
    auto uid = extras_.uid ? extras_.uid : number_in(block, tar::uid);
    auto gid = extras_.gid ? extras_.gid : number_in(block, tar::gid);
    auto modified = extras_.modified ? extras_.modified : number_in(block, tar::modified);
    auto is_id = [](const std::optional<std::int64_t>& id) {
        return id && *id >= 0 && *id < std::int64_t{std::numeric_limits<uid_t>::max()};
    };
    if (!is_name || !mode || !is_id(uid) || !is_id(gid) || !modified)
        return damaged(entry.path + " has a damaged header");
    entry.mode = static_cast<mode_t>(*mode & 07777);
    entry.uid = static_cast<uid_t>(*uid);
    entry.gid = static_cast<gid_t>(*gid);
    entry.modified = std::clamp(*modified, -latest, latest) * second;
    return entry;
}

result<void> tar_decoder::take_entry(char type, std::vector<file_piece>& pieces) {
    bool is_known = std::string_view(
                        "\0"
                        "01234567",
                        9)
                        .find(type) != std::string_view::npos;
    if (!is_known) return error(errc::not_implemented, std::string("tar archive: an entry of type ") + type);
    auto entry = entry_of(type);
    if (!entry) return entry.error();
    auto size = extras_.size ? extras_.size : number_in(block_, tar::size);
    extras_ = extras();
    bool is_file = entry->kind == file_kind::file;
    bool is_kept = entry->kind != file_kind::other && !entry->path.empty();
    entry->size = is_file ? static_cast<std::uint64_t>(*size) : 0;
    auto bytes = entry->size;
    if (is_kept) pieces.push_back(file_piece{std::move(*entry), {}});
    expect(is_kept ? state::bytes : state::skipped, bytes);
    return {};
}

}  // namespace vminit::system

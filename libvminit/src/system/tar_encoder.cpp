// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "system/tar_header.hpp"
#include "vminit/system/tar_stream.hpp"

namespace vminit::system {

namespace {

constexpr std::int64_t second = 1'000'000'000;

std::string record_of(std::string_view key, std::string_view value) {
    auto rest = std::string(" ").append(key).append("=").append(value).append("\n");
    auto size = rest.size() + 1;
    while (std::to_string(size).size() + rest.size() != size) size = std::to_string(size).size() + rest.size();
    return std::to_string(size) + rest;
}

/// One header, and the records for what does not fit into it.
class header_block {
public:
    explicit header_block(char type) : block_(tar::block_size, '\0') {
        block_[tar::type.offset] = type;
        put(tar::magic, tar::posix_magic);
        put(tar::version, "00");
    }

    void text(tar::field where, std::string_view key, std::string_view value) {
        if (value.size() > where.size) records_ += record_of(key, value);
        put(where, value.substr(0, where.size));
    }
    void number(tar::field where, std::string_view key, std::int64_t value) {
        std::string digits(where.size - 1, '0');
        auto left = static_cast<std::uint64_t>(value);
        for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, left /= 8)
            *digit += static_cast<char>(left % 8);
        bool fits = value >= 0 && left == 0;
        if (!fits) records_ += record_of(key, std::to_string(value));
        if (fits || value >= 0) put(where, digits);
    }
    const std::string& records() const noexcept { return records_; }
    std::string finished() {
        number(tar::field{tar::checksum.offset, tar::checksum.size - 1}, {}, tar::sum_of(block_));
        block_[tar::checksum.offset + tar::checksum.size - 1] = ' ';
        return block_;
    }

private:
    void put(tar::field where, std::string_view value) {
        std::copy(value.begin(), value.end(), block_.begin() + static_cast<std::ptrdiff_t>(where.offset));
    }

    std::string block_;
    std::string records_;
};

void append_padded(std::string_view bytes, std::string& archive) {
    archive.append(bytes).append(tar::padding_of(bytes.size()), '\0');
}

void append_records(const std::string& records, std::string& archive) {
    header_block header('x');
    header.text(tar::name, "path", "PaxHeaders/entry");
    header.number(tar::mode, {}, 0644);
    header.number(tar::size, {}, static_cast<std::int64_t>(records.size()));
    archive += header.finished();
    append_padded(records, archive);
}

char type_of(file_kind kind) noexcept {
    if (kind == file_kind::directory) return '5';
    return kind == file_kind::symlink ? '2' : '0';
}

// Downwards, so that what is older than 1970 does not become newer.
std::int64_t seconds_of(std::int64_t nanoseconds) noexcept {
    return nanoseconds / second - (nanoseconds % second < 0 ? 1 : 0);
}

}  // namespace

result<void> tar_encoder::add(const file_piece& piece, std::string& archive) {
    if (!piece.entry) {
        auto bytes = std::string_view(piece.data)
                         .substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece.data.size())));
        archive.append(bytes);
        left_ -= bytes.size();
        return {};
    }
    if (left_ != 0) return error(errc::aborted, file_ + ": it became shorter while it was read");
    archive.append(std::exchange(padding_, 0), '\0');
    bool has_place = piece.entry->kind != file_kind::other && piece.entry->kind != file_kind::hard_link;
    if (has_place) add_entry(*piece.entry, archive);
    return {};
}

void tar_encoder::add_entry(const file_entry& entry, std::string& archive) {
    auto name = entry.path.empty() ? name_ : name_ == "." ? entry.path : name_ + "/" + entry.path;
    bool is_file = entry.kind == file_kind::file;
    if (entry.kind == file_kind::directory) name += '/';
    header_block header(type_of(entry.kind));
    header.text(tar::name, "path", name);
    header.text(tar::link_name, "linkpath", entry.target);
    header.number(tar::mode, {}, entry.mode & 07777);
    header.number(tar::uid, "uid", entry.uid);
    header.number(tar::gid, "gid", entry.gid);
    header.number(tar::size, "size", is_file ? static_cast<std::int64_t>(entry.size) : 0);
    header.number(tar::modified, "mtime", seconds_of(entry.modified));
    if (!header.records().empty()) append_records(header.records(), archive);
    archive += header.finished();
    if (!is_file) return;
    file_ = std::move(name);
    left_ = entry.size;
    padding_ = tar::padding_of(entry.size);
}

result<void> tar_encoder::finish(std::string& archive) {
    if (left_ != 0) return error(errc::aborted, file_ + ": it became shorter while it was read");
    archive.append(std::exchange(padding_, 0) + 2 * tar::block_size, '\0');
    return {};
}

}  // namespace vminit::system

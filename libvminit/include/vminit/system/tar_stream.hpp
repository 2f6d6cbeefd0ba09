// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/file_tree.hpp"

/// Trees of files as tar archives, in pieces as they come: no file, no thread, nothing that waits. libarchive would
/// have a thread wait for each peer, since it asks for its bytes.
namespace vminit::system {

/// Writes POSIX ustar, with a pax header for what does not fit: long names, large numbers. Times are whole seconds.
class tar_encoder {
public:
    /// The tree is `name` in the archive; with "." the names below it stand for themselves.
    explicit tar_encoder(std::string name) : name_(std::move(name)) {}

    /// Appends the next piece of a tree_reader to `archive`. What is neither file, directory nor link is left out; of a
    /// file that grows meanwhile comes as much as it had. Errors: aborted for one that has become shorter.
    result<void> add(const file_piece& piece, std::string& archive);

    /// Appends the end. Errors: of add.
    result<void> finish(std::string& archive);

private:
    void add_entry(const file_entry& entry, std::string& archive);

    std::string name_;
    std::string file_;        // whose bytes come now
    std::uint64_t left_ = 0;  // of it
    std::size_t padding_ = 0;
};

/// Reads ustar, pax and GNU archives, as other programs write them. Names are taken as below one directory: without
/// what leads out of it. Devices, fifos and sparse files' holes have no place here: the former are left out.
class tar_decoder {
public:
    static constexpr std::size_t max_text = std::size_t{64} << 10;  ///< a pax header, or a long name
    static constexpr std::size_t max_name = 4096;                   ///< as PATH_MAX

    /// Appends what `bytes` bring to `pieces`. Once it has failed it is not to be used any more. Errors:
    /// invalid_argument for what is no archive, resource_exhausted beyond the limits, not_implemented for entries of
    /// other kinds.
    result<void> feed(std::string_view bytes, std::vector<file_piece>& pieces);

    /// Nothing is missing. Errors: invalid_argument inside an entry, or when there was nothing at all.
    result<void> finish() const;

    /// Its end has been read; what comes after that counts for nothing.
    bool is_over() const noexcept { return state_ == state::over; }

private:
    enum class state { header, bytes, text, skipped, over };
    /// What a pax header or GNU's long names say of the next entry.
    struct extras {
        std::optional<std::string> path, target;
        std::optional<std::int64_t> size, uid, gid, modified;
    };

    std::size_t take(std::string_view bytes, std::vector<file_piece>& pieces, result<void>& outcome);
    result<void> take_header(std::vector<file_piece>& pieces);
    result<void> take_entry(char type, std::vector<file_piece>& pieces);
    result<void> take_text();
    result<void> take_record(std::string_view key, std::string_view value);
    result<void> begin_text(char type, std::int64_t size);
    result<file_entry> entry_of(char type) const;
    void expect(state next, std::uint64_t size);

    state state_ = state::header;
    std::string block_;  // the header, as far as it has come
    std::string text_;
    char text_type_ = 0;
    std::uint64_t left_ = 0;
    std::size_t padding_ = 0;
    extras extras_;
    bool has_begun_ = false;
    bool has_empty_block_ = false;
};

}  // namespace vminit::system

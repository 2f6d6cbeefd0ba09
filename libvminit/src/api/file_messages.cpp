// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/file_messages.hpp"

#include <utility>

#include "vminit/process/v1/container.pb.h"

namespace vminit::api {

namespace {

namespace wire = vminit::process::v1;
using system::file_kind;

wire::FilePiece::Kind to_kind(file_kind kind) noexcept {
    switch (kind) {
        case file_kind::file:
            return wire::FilePiece::FILE;
        case file_kind::directory:
            return wire::FilePiece::DIRECTORY;
        case file_kind::symlink:
            return wire::FilePiece::SYMLINK;
        case file_kind::hard_link:
        case file_kind::other:
            break;
    }
    return wire::FilePiece::OTHER;
}

file_kind from_kind(wire::FilePiece::Kind kind) noexcept {
    if (kind == wire::FilePiece::FILE) return file_kind::file;
    if (kind == wire::FilePiece::DIRECTORY) return file_kind::directory;
    return kind == wire::FilePiece::SYMLINK ? file_kind::symlink : file_kind::other;
}

}  // namespace

wire::FilePiece to_message(system::file_piece piece) {
    wire::FilePiece message;
    message.set_data(std::move(piece.data));
    if (!piece.entry) return message;
    message.set_path(std::move(piece.entry->path));
    message.set_kind(to_kind(piece.entry->kind));
    message.set_mode(piece.entry->mode);
    message.set_uid(piece.entry->uid);
    message.set_gid(piece.entry->gid);
    message.set_mtime_ns(piece.entry->modified);
    message.set_size(piece.entry->size);
    message.set_target(std::move(piece.entry->target));
    return message;
}

system::file_piece from_message(wire::FilePiece message) {
    system::file_piece piece;
    if (message.kind() == wire::FilePiece::DATA) {
        piece.data = std::move(*message.mutable_data());
        return piece;
    }
    auto& entry = piece.entry.emplace();
    entry.path = message.path();
    entry.kind = from_kind(message.kind());
    entry.mode = static_cast<mode_t>(message.mode() & 07777);
    entry.uid = message.uid();
    entry.gid = message.gid();
    entry.modified = message.mtime_ns();
    entry.size = message.size();
    entry.target = message.target();
    return piece;
}

}  // namespace vminit::api

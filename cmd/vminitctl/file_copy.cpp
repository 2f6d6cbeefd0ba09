// SPDX-License-Identifier: Apache-2.0
#include "file_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "vminit/api/file_messages.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::vminitctl {

namespace wire = vminit::process::v1;
using system::file_entry;
using system::file_kind;

namespace {

constexpr mode_t plain_bits = 0777;  // without set-user-id and the like

std::string entry_name(const std::string& path, const std::string& of) { return path.empty() ? of : path; }

void make_ours(file_entry& entry, owner_policy owners) {
    if (owners == owner_policy::keep) return;
    entry.mode &= plain_bits;
    // Who is not root could not put anything into it.
    if (entry.kind == file_kind::directory) entry.mode |= 0700;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
}

void make_of_root(file_entry& entry, owner_policy owners) {
    if (owners == owner_policy::keep) return;
    entry.mode &= plain_bits;
    entry.uid = entry.gid = 0;
}

void leave_out(client_session& guest, const std::string& name) {
    guest.out().warn(fmt::format("{} is not copied: neither file, directory nor symbolic link", name));
}

// This machine's root: our own paths lead wherever they do.
result<unique_fd> our_root() { return syscalls::open("/", O_PATH | O_DIRECTORY); }

// The guest may send any name: beneath ours `tree_writer` takes none that leads elsewhere.
result<std::unique_ptr<system::tree_writer>> open_target(const copy_options& options) {
    auto root = our_root();
    if (!root) return root.error();
    auto path = std::filesystem::absolute(options.to.path).string();
    return system::tree_writer::open(std::move(*root), std::move(path), name_of_copy(options.from.path));
}

awaitable<result<copy_extent>> copy_out(client_session& guest, const copy_options& options) {
    wire::CopyPlace request;
    request.set_id(options.from.container);
    request.set_path(options.from.path);
    request.set_follow(options.follow);
    auto containers = guest.container();
    auto pieces = containers.ReadFiles(std::move(request), guest.no_limit());
    if (!pieces) co_return pieces.error();
    auto target = open_target(options);
    if (!target) co_return target.error();
    for (;;) {
        auto message = co_await pieces->read();
        if (!message) co_return message.error();
        if (!*message) break;
        auto piece = api::from_message(std::move(**message));
        result<void> taken;
        if (!piece.entry) {
            taken = (*target)->append(piece.data);
        } else if (piece.entry->kind == file_kind::other) {
            leave_out(guest, entry_name(piece.entry->path, options.from.path));
        } else {
            make_ours(*piece.entry, options.owners);
            taken = (*target)->begin(*piece.entry);
        }
        if (!taken) co_return taken.error();
    }
    if (auto finished = (*target)->finish(); !finished) co_return finished.error();
    co_return copy_extent{(*target)->entries(), (*target)->bytes()};
}

using upload = ttrpc::send_stream<wire::FilePiece, google::protobuf::Empty>;

// False when the guest does not take any more: it says why when it is asked for its answer.
awaitable<result<bool>> send_tree(client_session& guest, const copy_options& options, system::tree_reader& source,
                                  upload& sending, copy_extent& extent) {
    for (;;) {
        auto pieces = source.next();
        if (!pieces) co_return pieces.error();
        if (pieces->empty()) co_return true;
        for (auto& piece : *pieces) {
            if (piece.entry && piece.entry->kind == file_kind::other) {
                leave_out(guest, entry_name(piece.entry->path, options.from.path));
                continue;
            }
            if (piece.entry) make_of_root(*piece.entry, options.owners);
            extent.entries += piece.entry ? 1 : 0;
            extent.bytes += piece.data.size();
            auto request = api::to_message(std::move(piece));
            auto sent = co_await sending.write(request);
            if (!sent) co_return false;
        }
    }
}

awaitable<result<copy_extent>> copy_in(client_session& guest, const copy_options& options) {
    auto root = our_root();
    if (!root) co_return root.error();
    auto path = std::filesystem::absolute(options.from.path).string();
    auto links = options.follow ? system::link_policy::follow : system::link_policy::keep;
    auto source = system::tree_reader::open(std::move(*root), path, links);
    if (!source) co_return source.error();
    auto containers = guest.container();
    auto sending = containers.WriteFiles(guest.no_limit());
    if (!sending) co_return sending.error();
    wire::FilePiece first;
    first.mutable_place()->set_id(options.to.container);
    first.mutable_place()->set_path(options.to.path);
    first.mutable_place()->set_name(name_of_copy(options.from.path));
    copy_extent extent;
    auto begun = co_await sending->write(first);
    if (begun) {
        auto sent = co_await send_tree(guest, options, **source, *sending, extent);
        if (!sent) co_return sent.error();
    }
    auto answer = co_await sending->finish();
    if (!answer) co_return answer.error();
    co_return extent;
}

}  // namespace

result<copy_place> parse_copy_place(std::string_view text) {
    auto colon = text.find(':');
    bool is_ours = colon == std::string_view::npos || text.find('/') < colon;
    copy_place place;
    if (!is_ours) place.container = text.substr(0, colon);
    place.path = is_ours ? text : text.substr(colon + 1);
    if (!place.path.empty() && (is_ours || !place.container.empty())) return place;
    return error(errc::invalid_argument, fmt::format("\"{}\" is neither ID:PATH nor a path", text));
}

std::string name_of_copy(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    auto name = path.substr(path.rfind('/') + 1);
    return name == "." || name == ".." ? std::string() : std::string(name);
}

awaitable<result<copy_extent>> copy_files(client_session& guest, copy_options options) {
    if (options.to.container.empty()) co_return co_await copy_out(guest, options);
    co_return co_await copy_in(guest, options);
}

}  // namespace vminit::vminitctl

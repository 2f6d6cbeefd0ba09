// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/user_lookup.hpp"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"
#include "vminit/system/file_tree.hpp"

namespace vminit::runc {

namespace {

constexpr std::size_t max_file = std::size_t{1} << 20;
constexpr auto no_id = static_cast<std::uint32_t>(-1);  // to the kernel: leave as it is

struct passwd_entry {
    std::string_view name;
    uid_t uid = 0;
    gid_t gid = 0;
    std::string_view home;
};

struct group_entry {
    std::string_view name;
    gid_t gid = 0;
    std::string_view members;
};

std::optional<std::uint32_t> id_of(std::string_view text) {
    auto number = parse_number<std::uint32_t>(text);
    return number && *number != no_id ? number : std::nullopt;
}

bool is_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// name:password:uid:gid:comment:home:shell, passwd(5)
std::optional<passwd_entry> passwd_line(std::string_view line) {
    passwd_entry entry;
    entry.name = take_until(line, ':');
    take_until(line, ':');
    auto uid = id_of(take_until(line, ':')), gid = id_of(take_until(line, ':'));
    take_until(line, ':');
    entry.home = take_until(line, ':');
    if (entry.name.empty() || !uid || !gid) return std::nullopt;
    entry.uid = *uid;
    entry.gid = *gid;
    return entry;
}

// name:password:gid:member,member, group(5)
std::optional<group_entry> group_line(std::string_view line) {
    group_entry entry;
    entry.name = take_until(line, ':');
    take_until(line, ':');
    auto gid = id_of(take_until(line, ':'));
    entry.members = take_until(line, ':');
    if (entry.name.empty() || !gid) return std::nullopt;
    entry.gid = *gid;
    return entry;
}

// Of each line that is one, until `take` has had enough.
template <class Parse, class Take>
void for_each_entry(const result<std::string>& file, Parse parse, Take take) {
    if (!file) return;
    for (std::string_view rest = *file; !rest.empty();) {
        auto line = take_until(rest, '\n');
        if (line.ends_with('\r')) line.remove_suffix(1);
        auto entry = parse(line);
        if (entry && take(*entry)) return;
    }
}

bool has_member(std::string_view members, std::string_view name) {
    while (!members.empty()) {
        if (take_until(members, ',') == name) return true;
    }
    return false;
}

error no_entry(std::string_view kind, std::string_view name, std::string_view path, const result<std::string>& file) {
    std::string text("no ");
    text.append(kind).append(" \"").append(name).append("\" in the container's ").append(path);
    if (!file) text.append(" (").append(file.error().message()).append(")");
    return error(errc::not_found, std::move(text));
}

result<std::uint32_t> number_of(std::string_view kind, std::string_view text) {
    if (auto number = id_of(text)) return *number;
    std::string what(kind);
    what.append(" ").append(text).append(" is too large a number");
    return error(errc::invalid_argument, std::move(what));
}

// Returns the name that the entry has; none without an entry.
result<std::string_view> fill_user(std::string_view user, const user_files& files, user_identity& found) {
    bool is_number = user.empty() || is_digits(user);
    std::uint32_t uid = 0;
    if (!user.empty() && is_number) {
        auto number = number_of("user", user);
        if (!number) return number.error();
        uid = *number;
    }
    std::optional<passwd_entry> entry;
    for_each_entry(files.passwd, passwd_line, [&](const passwd_entry& one) {
        if (is_number ? one.uid == uid : one.name == user) entry = one;
        return entry.has_value();
    });
    if (!entry && !is_number) return no_entry("user", user, "/etc/passwd", files.passwd);
    found.uid = uid;
    if (!entry) return std::string_view();
    found.uid = entry->uid;
    found.gid = entry->gid;
    found.home = entry->home;
    return entry->name;
}

result<void> fill_group(std::string_view group, const user_files& files, user_identity& found) {
    if (is_digits(group)) {
        auto gid = number_of("group", group);
        if (!gid) return gid.error();
        found.gid = *gid;
        return {};
    }
    std::optional<gid_t> gid;
    for_each_entry(files.group, group_line, [&](const group_entry& one) {
        if (one.name == group) gid = one.gid;
        return gid.has_value();
    });
    if (!gid) return no_entry("group", group, "/etc/group", files.group);
    found.gid = *gid;
    return {};
}

result<void> fill_memberships(std::string_view name, const user_files& files, user_identity& found) {
    auto& groups = found.groups;
    for_each_entry(files.group, group_line, [&](const group_entry& one) {
        bool is_new = has_member(one.members, name) && std::find(groups.begin(), groups.end(), one.gid) == groups.end();
        if (is_new) groups.push_back(one.gid);
        return groups.size() > max_user_groups;
    });
    if (groups.size() <= max_user_groups) return {};
    static_assert(max_user_groups == 1024);
    return error(errc::resource_exhausted, "user \"" + std::string(name) + "\" is in more than 1024 groups");
}

result<std::string> read_in_root(const std::string& root, const std::string& path) {
    auto top = syscalls::open(root, O_PATH | O_DIRECTORY);
    if (!top) return top.error();
    auto tree = system::tree_reader::open(std::move(*top), path, system::link_policy::follow);
    if (!tree) return tree.error();
    std::string text;
    for (bool is_first = true;;) {
        auto pieces = (*tree)->next();
        if (!pieces) return pieces.error();
        if (pieces->empty()) return text;
        if (std::exchange(is_first, false) && pieces->front().entry->kind != system::file_kind::file) {
            return error(errc::invalid_argument, "not a regular file");
        }
        for (const auto& piece : *pieces) text += piece.data;
        if (text.size() > max_file) return error(errc::resource_exhausted, "larger than 1 MiB");
    }
}

}  // namespace

result<user_identity> find_user(std::string_view user, const user_files& files) {
    auto name = take_until(user, ':');
    auto group = user;
    if (name.empty() && group.empty()) return error(errc::invalid_argument, "no user");
    user_identity found;
    auto entry_name = fill_user(name, files, found);
    if (!entry_name) return entry_name.error();
    result<void> grouped;
    if (!group.empty()) {
        grouped = fill_group(group, files, found);
    } else if (!entry_name->empty()) {
        grouped = fill_memberships(*entry_name, files, found);
    }
    if (!grouped) return grouped.error();
    return found;
}

result<user_identity> find_user_in(const std::string& root, std::string_view user) {
    user_files files{read_in_root(root, "/etc/passwd"), read_in_root(root, "/etc/group")};
    return find_user(user, files);
}

}  // namespace vminit::runc

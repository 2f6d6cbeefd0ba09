// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/mount_options.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <string_view>

#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

struct flag_option {
    std::string_view name;
    unsigned long bits;
    bool clears;
};

constexpr flag_option flag_options[] = {
    {"async", MS_SYNCHRONOUS, true},
    {"atime", MS_NOATIME, true},
    {"bind", MS_BIND, false},
    {"defaults", 0, false},
    {"dev", MS_NODEV, true},
    {"diratime", MS_NODIRATIME, true},
    {"dirsync", MS_DIRSYNC, false},
    {"exec", MS_NOEXEC, true},
    {"mand", MS_MANDLOCK, false},
    {"noatime", MS_NOATIME, false},
    {"nodev", MS_NODEV, false},
    {"nodiratime", MS_NODIRATIME, false},
    {"noexec", MS_NOEXEC, false},
    {"nomand", MS_MANDLOCK, true},
    {"norelatime", MS_RELATIME, true},
    {"nostrictatime", MS_STRICTATIME, true},
    {"nosuid", MS_NOSUID, false},
    {"rbind", MS_BIND | MS_REC, false},
    {"relatime", MS_RELATIME, false},
    {"remount", MS_REMOUNT, false},
    {"ro", MS_RDONLY, false},
    {"rw", MS_RDONLY, true},
    {"strictatime", MS_STRICTATIME, false},
    {"suid", MS_NOSUID, true},
    {"sync", MS_SYNCHRONOUS, false},
};

constexpr std::string_view uid_map_prefix = "uidmap=";
constexpr std::string_view gid_map_prefix = "gidmap=";
constexpr std::string_view lowerdir_prefix = "lowerdir=";

bool apply_flag(mount_options& options, std::string_view word) {
    auto* row = std::find_if(std::begin(flag_options), std::end(flag_options),
                             [&](const flag_option& known) { return known.name == word; });
    if (row == std::end(flag_options)) return false;
    options.flags = row->clears ? options.flags & ~row->bits : options.flags | row->bits;
    return true;
}

void apply_option(mount_options& options, std::string_view word) {
    if (word.empty() || apply_flag(options, word)) return;
    if (word == "loop") {
        options.wants_loop = true;
    } else if (word == "direct-io") {
        options.direct_io = true;
    } else if (word.starts_with(uid_map_prefix)) {
        options.uid_map = word.substr(uid_map_prefix.size());
    } else if (word.starts_with(gid_map_prefix)) {
        options.gid_map = word.substr(gid_map_prefix.size());
    } else {
        if (!options.data.empty()) options.data.push_back(',');
        options.data.append(word);
    }
}

// The longest directory (ending in '/') that all of `paths` lie below.
std::string common_parent(const std::vector<std::string_view>& paths) {
    std::string_view common = paths.front();
    for (auto path : paths) {
        auto [left, right] = std::mismatch(common.begin(), common.end(), path.begin(), path.end());
        common = common.substr(0, static_cast<std::size_t>(left - common.begin()));
    }
    auto slash = common.rfind('/');
    return slash == std::string_view::npos ? std::string() : std::string(common.substr(0, slash + 1));
}

}  // namespace

mount_options parse_mount_options(const std::vector<std::string>& options) {
    mount_options parsed;
    for (const auto& word : options) apply_option(parsed, word);
    return parsed;
}

compacted_overlay compact_overlay_options(const std::string& data, std::size_t page) {
    compacted_overlay unchanged{{}, data};
    // 512 bytes are kept in hand, as containerd does, for what the kernel adds.
    if (data.size() + 512 < page) return unchanged;
    // A separator that is escaped cannot be told from a plain one here, so such names are left alone.
    if (data.find('\\') != std::string::npos) return unchanged;
    auto words = split(data, ',');
    auto lowerdir = std::find_if(words.begin(), words.end(),
                                 [](std::string_view word) { return word.starts_with(lowerdir_prefix); });
    if (lowerdir == words.end()) return unchanged;
    auto layers = split(lowerdir->substr(lowerdir_prefix.size()), ':');
    bool are_absolute =
        std::all_of(layers.begin(), layers.end(), [](const auto& path) { return path.starts_with('/'); });
    if (!are_absolute) return unchanged;
    auto parent = common_parent(layers);
    bool is_useful = parent.size() > 1 && std::all_of(layers.begin(), layers.end(),
                                                      [&](const auto& path) { return path.size() > parent.size(); });
    if (!is_useful) return unchanged;

    compacted_overlay compacted{parent, {}};
    for (const auto& word : words) {
        if (!compacted.data.empty()) compacted.data.push_back(',');
        if (&word != &*lowerdir) {
            compacted.data += word;
            continue;
        }
        compacted.data += lowerdir_prefix;
        for (const auto& layer : layers) {
            if (&layer != &layers.front()) compacted.data.push_back(':');
            compacted.data += layer.substr(parent.size());
        }
    }
    return compacted;
}

}  // namespace vminit::system

// SPDX-License-Identifier: Apache-2.0
#include "mount_option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "vminit/core/text.hpp"

namespace vminit::vminitctl {

namespace {

// virtio-blk carries 20 bytes of serial number (VIRTIO_BLK_ID_BYTES).
constexpr std::size_t longest_serial = 20;

error bad_mount(std::string_view text, std::string_view why) {
    return error(errc::invalid_argument, fmt::format("mount \"{}\": {}", text, why));
}

class mount_reader {
public:
    explicit mount_reader(std::string_view text) : text_(text) {}

    result<system::mount_entry> read() && {
        for (auto part : split(text_, ',')) {
            if (auto taken = take(part); !taken) return taken.error();
        }
        return finish();
    }

private:
    result<void> take(std::string_view part) {
        if (part == "ro" || part == "readonly") {
            is_read_only_ = true;
            return {};
        }
        auto equals = part.find('=');
        if (equals == std::string_view::npos) return bad_mount(text_, fmt::format("\"{}\" is not key=value", part));
        auto key = part.substr(0, equals);
        auto value = part.substr(equals + 1);
        if (value.empty()) return bad_mount(text_, fmt::format("{} is empty", key));
        return assign(key, value);
    }

    result<void> assign(std::string_view key, std::string_view value) {
        if (key == "type") {
            mount_.type = value;
        } else if (key == "source" || key == "src") {
            mount_.source = value;
        } else if (key == "target" || key == "dst" || key == "destination") {
            mount_.target = value;
        } else if (key == "options") {
            for (auto option : split(value, ':')) mount_.options.emplace_back(option);
        } else {
            return bad_mount(text_, fmt::format("unknown key \"{}\"", key));
        }
        return {};
    }

    result<system::mount_entry> finish() {
        if (mount_.type.empty()) mount_.type = "bind";
        if (!mount_.target.starts_with('/')) return bad_mount(text_, "the target must be an absolute path");
        if (mount_.type == "bind") {
            if (!mount_.source.starts_with('/'))
                return bad_mount(text_, "the source of a bind must be an absolute path");
            mount_.options.insert(mount_.options.begin(), "rbind");
        } else if (mount_.source.empty()) {
            mount_.source = mount_.type;
        }
        if (is_read_only_) mount_.options.emplace_back("ro");
        return std::move(mount_);
    }

    std::string_view text_;
    system::mount_entry mount_;
    bool is_read_only_ = false;
};

}  // namespace

result<system::mount_entry> parse_mount(std::string_view text) { return mount_reader(text).read(); }

result<system::mount_entry> parse_volume(std::string_view text) {
    auto parts = split(text, ':');
    if (parts.size() < 2 || parts.size() > 3) return bad_mount(text, "it is not SOURCE:TARGET[:ro]");
    for (auto path : {parts[0], parts[1]}) {
        if (!path.starts_with('/'))
            return bad_mount(text, fmt::format("\"{}\" is not an absolute path of the guest (there are no others: what "
                                               "this machine has is shared with vm start --share)",
                                               path));
    }
    auto access = parts.size() == 3 ? parts[2] : "rw";
    if (access != "ro" && access != "rw") return bad_mount(text, fmt::format("\"{}\" is not ro or rw", access));
    return system::mount_entry("bind", std::string(parts[0]), std::string(parts[1]), {"rbind", std::string(access)});
}

result<system::mount_entry> parse_tmpfs(std::string_view text) {
    auto target = text.substr(0, text.find(':'));
    if (!target.starts_with('/')) return bad_mount(text, "the target must be an absolute path");
    std::vector<std::string> options{"nosuid", "nodev", "noexec"};
    if (target.size() < text.size()) {
        for (auto option : split(text.substr(target.size() + 1), ',')) {
            if (option.empty()) return bad_mount(text, "an option is empty");
            options.emplace_back(option);
        }
    }
    return system::mount_entry("tmpfs", "tmpfs", std::string(target), std::move(options));
}

result<std::vector<system::mount_entry>> rootfs_mounts(std::string_view source, std::string_view filesystem) {
    std::vector<system::mount_entry> mounts;
    bool is_device = source.starts_with("/dev/");
    if (source.starts_with('/') && !is_device) {
        mounts.emplace_back("bind", std::string(source), "", std::vector<std::string>{"rbind", "rw"});
        return mounts;
    }
    if (source.starts_with("serial:")) source.remove_prefix(7);
    bool is_serial = !source.empty() && source.size() <= longest_serial && source.find('/') == std::string_view::npos;
    if (!is_device && !is_serial) {
        return error(errc::invalid_argument,
                     fmt::format("\"{}\" is neither an absolute path nor a disk's serial number", source));
    }
    std::vector<std::string> overlay{"lowerdir={{ overlay 0 0 }}", "upperdir={{ mount 1 }}/upper",
                                     "workdir={{ mount 1 }}/work", "X-containerd.mkdir.path={{ mount 1 }}/upper:0755",
                                     "X-containerd.mkdir.path={{ mount 1 }}/work:0755"};
    auto disk = is_device ? std::string(source) : fmt::format("serial:{}", source);
    mounts.emplace_back(std::string(filesystem), std::move(disk), "", std::vector<std::string>{"ro"});
    mounts.emplace_back("tmpfs", "tmpfs", "", std::vector<std::string>{"mode=0755"});
    mounts.emplace_back("format/mkdir/overlay", "overlay", "", std::move(overlay));
    return mounts;
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include "runc/mount_directory.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "runc/in_quotes.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::runc {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view type_prefix = "mkdir/";
constexpr std::string_view option_prefix = "X-containerd.";
constexpr std::string_view path_option = "X-containerd.mkdir.path=";

error refused(std::string text) { return error(errc::unknown, std::move(text)); }

std::optional<unsigned> number_of(std::string_view text, int base, unsigned most) {
    auto number = parse_number<unsigned>(text, base);
    return number && *number <= most ? number : std::nullopt;
}

// `path` as seen from `base`, or nothing if it does not lie under it, component by component.
std::optional<std::string> relative_to(const std::string& path, const std::string& base) {
    if (!path.starts_with('/') || path.find('\0') != std::string::npos) return std::nullopt;
    auto relative = fs::path(path).lexically_normal().lexically_relative(fs::path(base).lexically_normal());
    if (relative.empty() || *relative.begin() == "..") return std::nullopt;
    return relative.string();
}

result<directory_request> parse_request(std::string_view value, const std::string& option, const std::string& base) {
    auto fields = split(value, ':');
    if (fields.size() > 4) return refused("unknown mkdir mount option " + in_quotes(option));
    directory_request request;
    auto path = relative_to(std::string(fields[0]), base);
    if (!path) return refused("mkdir path " + in_quotes(fields[0]) + " must be under " + in_quotes(base));
    request.path = std::move(*path);
    if (fields.size() > 1) {
        auto mode = number_of(fields[1], 8, 07777);
        if (!mode) return refused("invalid mode " + in_quotes(fields[1]));
        request.mode = static_cast<mode_t>(*mode);
    }
    constexpr unsigned most = 0xfffffffe;  // -1 means "unchanged" to chown(2)
    if (fields.size() > 2) {
        request.uid = number_of(fields[2], 10, most);
        if (!request.uid) return refused("invalid uid " + in_quotes(fields[2]));
    }
    if (fields.size() > 3) {
        request.gid = number_of(fields[3], 10, most);
        if (!request.gid) return refused("invalid gid " + in_quotes(fields[3]));
    }
    return request;
}

result<unique_fd> open_beneath(int directory, const std::string& name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    auto opened = syscalls::check("openat2", name,
                                  [&] { return ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how); });
    if (!opened) return opened.error();
    return unique_fd(static_cast<int>(*opened));
}

result<unique_fd> enter_or_make(int directory, const std::string& name, mode_t mode) {
    auto made = syscalls::check("mkdirat", name, [&] { return ::mkdirat(directory, name.c_str(), 0700); });
    if (!made && made.error().code().value() != EEXIST) return made.error();
    auto opened = open_beneath(directory, name);
    if (!opened || !made) return opened;
    // The umask has had its way with mkdir's mode; the request means exactly this one.
    auto changed = syscalls::check("fchmod", name, [&] { return ::fchmod(opened->get(), mode); });
    if (!changed) return changed.error();
    return opened;
}

}  // namespace

result<std::vector<directory_request>> take_directories(system::mount_entry& entry, const std::string& base) {
    std::vector<directory_request> requests;
    bool wants_directories = entry.type.starts_with(type_prefix);
    if (wants_directories) entry.type.erase(0, type_prefix.size());
    std::vector<std::string> kept;
    for (const auto& option : entry.options) {
        if (!option.starts_with(option_prefix)) {
            kept.push_back(option);
            continue;
        }
        if (!wants_directories) return refused("mount option " + in_quotes(option) + " needs a mkdir/ type");
        if (!option.starts_with(path_option)) return refused("unknown mkdir mount option " + in_quotes(option));
        auto request = parse_request(std::string_view(option).substr(path_option.size()), option, base);
        if (!request) return request.error();
        requests.push_back(std::move(*request));
    }
    entry.options = std::move(kept);
    return requests;
}

result<void> make_directory_beneath(const std::string& base, const directory_request& request) {
    auto place = syscalls::open(base, O_RDONLY | O_DIRECTORY);
    if (!place) return place.error();
    for (const auto& name : fs::path(request.path)) {
        if (name == "." || name.empty()) continue;
        auto next = enter_or_make(place->get(), name.string(), request.mode);
        if (!next) return next.error().within("make " + base + "/" + request.path);
        place = std::move(next);
    }
    if (!request.uid && !request.gid) return {};
    auto owner = request.uid.value_or(static_cast<uid_t>(-1));
    auto group = request.gid.value_or(static_cast<gid_t>(-1));
    auto given = syscalls::check("fchown", request.path, [&] { return ::fchown(place->get(), owner, group); });
    if (!given) return given.error();
    return {};
}

}  // namespace vminit::runc

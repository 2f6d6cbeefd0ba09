// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/bundle.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "runc/in_quotes.hpp"
#include "runc/runtime_error.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

constexpr mode_t directory_mode = 0750;
constexpr mode_t file_mode = 0600;
constexpr std::size_t max_name = 255;  // NAME_MAX of every Linux filesystem

error refused(std::string text) { return error(errc::invalid_argument, std::move(text)); }

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

result<void> check_id(const std::string& id) {
    if (id.empty()) return refused("bundle ID cannot be empty");
    bool leaves = id.find("..") != std::string::npos || id.find('/') != std::string::npos || id == ".";
    if (leaves || has_control_character(id) || id.size() > max_name)
        return refused("invalid bundle ID: " + in_quotes(id));
    return {};
}

result<void> check_file_name(const std::string& name) {
    if (name.empty()) return refused("empty filename in bundle files");
    if (name.front() == '/') return refused("absolute path not allowed in bundle: " + in_quotes(name));
    if (name.find_first_of("/\\") != std::string::npos) {
        return refused("path separators not allowed in bundle filename: " + in_quotes(name));
    }
    bool is_special = name == "." || name == ".." || name == "rootfs";
    if (is_special || has_control_character(name) || name.size() > max_name) {
        return refused("invalid bundle filename: " + in_quotes(name));
    }
    return {};
}

error classified(const error& failure) {
    return error(failure.kind() == errc::resource_exhausted ? errc::resource_exhausted : errc::internal,
                 os_text(failure));
}

// A bundle being made: what is there so far goes again unless it is kept.
class unfinished_bundle {
public:
    explicit unfinished_bundle(std::string path) : path_(std::move(path)) {}
    unfinished_bundle(const unfinished_bundle&) = delete;
    unfinished_bundle& operator=(const unfinished_bundle&) = delete;
    ~unfinished_bundle() {
        if (path_.empty()) return;
        for (const auto& name : files_) ::unlink((path_ + "/" + name).c_str());
        ::rmdir((path_ + "/rootfs").c_str());
        ::rmdir(path_.c_str());
    }

    result<void> make_rootfs() {
        auto rootfs = path_ + "/rootfs";
        auto made = syscalls::check("mkdir", rootfs, [&] { return ::mkdir(rootfs.c_str(), directory_mode); });
        if (!made) return made.error();
        return {};
    }

    result<void> write(const std::string& name, std::string_view content) {
        auto path = path_ + "/" + name;
        auto fd = syscalls::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, file_mode);
        if (!fd) return fd.error();
        files_.push_back(name);
        return syscalls::write_all(fd->get(), content, path);
    }

    std::string keep() { return std::exchange(path_, {}); }

private:
    std::string path_;
    std::vector<std::string> files_;
};

}  // namespace

result<std::string> bundle_store::create(const std::string& id, const std::map<std::string, std::string>& files) const {
    if (auto good = check_id(id); !good) return good.error();
    for (const auto& [name, content] : files) {
        if (auto good = check_file_name(name); !good) return good.error();
    }
    if (auto made = make_directories(root_, directory_mode); !made) return classified(made.error());
    auto path = root_ + "/" + id;
    auto made = syscalls::check("mkdir", path, [&] { return ::mkdir(path.c_str(), directory_mode); });
    if (!made && made.error().kind() == errc::already_exists) return error(errc::already_exists, "bundle " + id);
    if (!made) return classified(made.error());
    unfinished_bundle bundle(path);
    if (auto rootfs = bundle.make_rootfs(); !rootfs) return classified(rootfs.error());
    for (const auto& [name, content] : files) {
        if (auto written = bundle.write(name, content); !written) return classified(written.error());
    }
    return bundle.keep();
}

}  // namespace vminit::runc

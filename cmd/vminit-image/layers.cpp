// SPDX-License-Identifier: Apache-2.0
#include "layers.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <filesystem>
#include <set>
#include <string_view>
#include <thread>

#include "archive.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::image {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_name = ".wh..wh..opq";
constexpr int unpack_flags =
    ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR;

// "./usr//bin/../lib" and "/usr/lib" are "/usr/lib"; nothing is above "/".
std::string absolute(std::string_view name) {
    auto normal = (fs::path("/") / fs::path(name).relative_path()).lexically_normal().string();
    if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
    return normal;
}

// One layer, laid over what is there. Runs with its target as its root.
class layer_writer {
public:
    layer_writer(::archive* source, std::string name, layers_report& report)
        : source_(source), name_(std::move(name)), target_(::archive_write_disk_new()), report_(report) {
        ::archive_write_disk_set_options(target_.get(), unpack_flags);
    }

    result<void> run() {
        for (;;) {
            ::archive_entry* entry = nullptr;
            int got = ::archive_read_next_header(source_, &entry);
            if (got == ARCHIVE_EOF) break;
            if (got < ARCHIVE_WARN) return archive_error(source_, name_);
            auto done = take(entry);
            if (!done) return done;
        }
        // Times and modes of directories are set only now.
        if (::archive_write_close(target_.get()) < ARCHIVE_WARN) return archive_error(target_.get(), name_);
        return {};
    }

private:
    result<void> take(::archive_entry* entry) {
        const char* name = ::archive_entry_pathname(entry);
        if (name == nullptr) return error(errc::invalid_argument, name_ + ": an entry without a name");
        auto path = absolute(name);
        auto slash = path.rfind('/');
        auto directory = path.substr(0, slash);
        auto base = path.substr(slash + 1);
        if (base == opaque_name) return clear(directory.empty() ? "/" : directory);
        // Other names of this kind are aufs's own.
        if (base.starts_with(".wh..wh.")) return {};
        if (base.starts_with(whiteout_prefix)) return take_away(directory + "/" + base.substr(whiteout_prefix.size()));
        return place(entry, path);
    }

    static result<void> take_away(const std::string& path) {
        std::error_code failure;
        fs::remove_all(path, failure);
        if (failure) return error(error_code(failure), "remove " + path);
        return {};
    }

    // What this layer itself has put there stays.
    result<void> clear(const std::string& directory) {
        std::error_code failure;
        std::vector<std::string> lower;
        if (!fs::is_directory(fs::symlink_status(directory, failure))) return {};
        for (fs::directory_iterator at(directory, failure), end; !failure && at != end; at.increment(failure)) {
            auto path = at->path().string();
            if (!own_.contains(path)) {
                lower.push_back(path);
            } else if (at->is_directory(failure) && !at->is_symlink(failure)) {
                auto cleared = clear(path);
                if (!cleared) return cleared;
            }
        }
        if (failure) return error(error_code(failure), "list " + directory);
        for (const auto& path : lower) {
            auto removed = take_away(path);
            if (!removed) return removed;
        }
        return {};
    }

    result<void> place(::archive_entry* entry, const std::string& path) {
        ++report_.entries;
        auto type = ::archive_entry_filetype(entry);
        auto cleared = make_way(path, type == AE_IFDIR);
        if (!cleared) return cleared;
        ::archive_entry_set_pathname(entry, path.c_str());
        if (const char* other = ::archive_entry_hardlink(entry))
            ::archive_entry_set_hardlink(entry, absolute(other).c_str());
        for (auto above = path; above.size() > 1; above = fs::path(above).parent_path().string()) {
            if (!own_.insert(above).second) break;
        }
        if (::archive_write_header(target_.get(), entry) < ARCHIVE_WARN) {
            bool is_device = type == AE_IFCHR || type == AE_IFBLK;
            if (!is_device || ::archive_errno(target_.get()) != EPERM)
                return archive_error(target_.get(), name_ + ": " + path);
            ++report_.left_out;
            return {};
        }
        auto copied = copy_data(source_, target_.get(), name_ + ": " + path);
        if (!copied) return copied;
        if (::archive_write_finish_entry(target_.get()) < ARCHIVE_WARN)
            return archive_error(target_.get(), name_ + ": " + path);
        return {};
    }

    // A directory stays if one is put over it; all else gives way.
    static result<void> make_way(const std::string& path, bool to_directory) {
        struct stat present{};
        if (::lstat(path.c_str(), &present) == -1) return {};
        if (path == "/" || (to_directory && S_ISDIR(present.st_mode))) return {};
        return take_away(path);
    }

    ::archive* source_;
    std::string name_;
    archive_handle target_;
    layers_report& report_;
    std::set<std::string> own_;
};

result<layers_report> unpack_all(const std::vector<std::string>& layers, const std::vector<unique_fd>& files,
                                 const layer_progress& progress) {
    layers_report report;
    for (std::size_t at = 0; at < layers.size(); ++at) {
        if (progress) progress(at, layers.size());
        auto source = open_tar(files[at].get(), layers[at]);
        if (!source) return source.error();
        auto written = layer_writer(source->get(), layers[at], report).run();
        if (!written) return written.error();
    }
    return report;
}

// In a thread that shares its root with no other, and out of which nothing may be thrown.
result<layers_report> unpack_within(const std::vector<std::string>& layers, const std::vector<unique_fd>& files,
                                    const std::string& directory, const layer_progress& progress) try {
    auto own = syscalls::attempt("unshare", "CLONE_FS", [] { return ::unshare(CLONE_FS); });
    if (!own) return own.error();
    auto entered = syscalls::attempt("chroot", directory, [&] { return ::chroot(directory.c_str()); });
    if (!entered) return entered.error();
    auto moved = syscalls::attempt("chdir", "/", [] { return ::chdir("/"); });
    if (!moved) return moved.error();
    ::umask(022);
    return unpack_all(layers, files, progress);
} catch (const std::exception& thrown) {
    return error(errc::internal, thrown.what());
}

}  // namespace

result<layers_report> unpack_layers(const std::vector<std::string>& layers, const std::string& directory,
                                    const layer_progress& progress) {
    std::vector<unique_fd> files;
    for (const auto& layer : layers) {
        auto file = syscalls::open(layer, O_RDONLY);
        if (!file) return file.error();
        files.push_back(std::move(*file));
    }
    result<layers_report> report = error(errc::internal, "unpacking the layers");
    std::thread([&] { report = unpack_within(layers, files, directory, progress); }).join();
    return report;
}

}  // namespace vminit::image

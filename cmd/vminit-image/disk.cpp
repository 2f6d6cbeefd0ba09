// SPDX-License-Identifier: Apache-2.0
#include "disk.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/json.hpp>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <ctime>
#include <filesystem>

#include "tool.hpp"
#include "tree_times.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::image {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

// For the file system's identity: the same for the same image.
std::string uuid_of(const container_image& image) {
    boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
    return boost::uuids::to_string(generate("vminit-image " + image.identity));
}

// What no layer says has the time at which the image was made, or 0.
std::time_t creation_time(const container_image& image) {
    boost::json::error_code failure;
    auto config = boost::json::parse(image.config, failure);
    const auto* object = failure ? nullptr : config.if_object();
    const auto* created = object != nullptr ? object->if_contains("created") : nullptr;
    struct tm parts{};
    if (created == nullptr || !created->is_string()) return 0;
    if (::strptime(created->as_string().c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return 0;
    return std::max<std::time_t>(::timegm(&parts), 0);
}

result<std::uint64_t> bytes_in(const std::string& directory) {
    auto said = output_of({"du", "--summarize", "--block-size=1", directory});
    if (!said) return said.error();
    return std::strtoull(said->c_str(), nullptr, 10);
}

result<std::uint64_t> entries_in(const std::string& directory) {
    std::error_code failure;
    std::uint64_t count = 0;
    for (fs::recursive_directory_iterator at(directory, failure), end; !failure && at != end; at.increment(failure))
        ++count;
    if (failure) return error(error_code(failure), "list " + directory);
    return count;
}

result<void> make_erofs(const std::string& tree, const std::string& path, const container_image& image) {
    // -T is the time at which it was made; the files keep theirs.
    auto made = output_of({"mkfs.erofs", "--quiet", "-T0", "--preserve-mtime", "-U", uuid_of(image), path, tree});
    if (!made) return made.error();
    return {};
}

std::string quoted(const std::string& path) {
    std::string text = "\"";
    for (char byte : path) {
        if (byte == '"') text += '"';
        text += byte;
    }
    return text + "\"";
}

// mke2fs copies the times of change, which nobody can set, and those of access, which it changes itself: debugfs sets
// them.
result<void> settle_changes(const std::string& tree, const std::string& path, const std::string& scratch) {
    std::string commands;
    std::error_code failure;
    auto settle = [&commands](const std::string& name) {
        for (const char* time : {"ctime", "crtime", "atime"})
            commands += fmt::format("sif {} {} 0\n", quoted(name), time);
    };
    settle("/");
    settle("/lost+found");
    for (fs::recursive_directory_iterator at(tree, failure), end; !failure && at != end; at.increment(failure)) {
        auto name = at->path().string().substr(tree.size());
        // debugfs reads one command a line.
        if (name.find('\n') == std::string::npos) settle(name);
    }
    if (failure) return error(error_code(failure), "list " + tree);
    auto file = scratch + "/debugfs";
    auto written = replace_file(file, commands, 0600);
    if (!written) return written;
    auto done = output_of({"debugfs", "-w", "-f", file, path}, {"E2FSPROGS_FAKE_TIME=1"});
    if (!done) return done.error();
    return {};
}

result<void> make_ext4(const std::string& tree, const std::string& path, const container_image& image,
                       std::uint64_t size, const std::string& scratch) {
    auto used = bytes_in(tree);
    if (!used) return used.error();
    auto entries = entries_in(tree);
    if (!entries) return entries.error();
    if (size == 0) size = (*used + *used / 4 + 64 * mebibyte) / mebibyte * mebibyte;
    auto uuid = uuid_of(image);
    auto made = output_of(
        {"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-U", uuid, "-E", "hash_seed=" + uuid + ",root_owner=0:0", "-N",
         std::to_string(*entries + *entries / 4 + 1024), "-d", tree, path, fmt::format("{}k", size / 1024)},
        {"E2FSPROGS_FAKE_TIME=1"});
    if (!made && made.error().context().find("not allocate block") != std::string::npos)
        return error(errc::resource_exhausted,
                     fmt::format("{} bytes are too few for what is in it ({} bytes)", size, *used));
    if (!made) return made.error();
    return settle_changes(tree, path, scratch);
}

result<void> make_file_system(const std::string& tree, const std::string& path, const container_image& image,
                              const disk_options& options, const std::string& scratch) {
    if (options.type == disk_type::erofs) return make_erofs(tree, path, image);
    return make_ext4(tree, path, image, options.size, scratch);
}

}  // namespace

result<disk_report> make_disk(const container_image& image, const disk_options& options) {
    auto scratch = scratch_directory::make();
    if (!scratch) return scratch.error();
    disk_report report;
    auto tree = image.directory;
    if (tree.empty()) {
        auto begin = std::time(nullptr) - 1;  // files have a clock that is a little late
        tree = scratch->path() + "/root";
        auto made = make_directories(tree, 0755);
        if (!made) return made.error();
        auto unpacked = unpack_layers(image.layers, tree, options.progress);
        if (!unpacked) return unpacked.error();
        report.left_out = unpacked->left_out;
        auto settled = settle_times(tree, begin, creation_time(image));
        if (!settled) return settled.error();
    }
    auto fresh = options.output + ".new";
    auto made = make_file_system(tree, fresh, image, options, scratch->path());
    if (made && !image.config.empty()) {
        report.config_path = options.output + ".json";
        made = replace_file(report.config_path, image.config, 0644);
    }
    if (made)
        made = syscalls::attempt("rename", options.output,
                                 [&] { return ::rename(fresh.c_str(), options.output.c_str()); });
    struct stat found{};
    if (made) made = syscalls::attempt("stat", options.output, [&] { return ::stat(options.output.c_str(), &found); });
    if (!made) {
        ::unlink(fresh.c_str());
        return made.error();
    }
    report.bytes = static_cast<std::uint64_t>(found.st_size);
    return report;
}

}  // namespace vminit::image

// SPDX-License-Identifier: Apache-2.0
#include "archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <array>

#include "vminit/core/syscalls.hpp"

namespace vminit::image {

namespace {

constexpr std::size_t block_size = std::size_t{1} << 16;

}  // namespace

void archive_closer::operator()(::archive* opened) const noexcept { ::archive_free(opened); }

error archive_error(::archive* handle, std::string context) {
    const char* words = ::archive_error_string(handle);
    if (words != nullptr) context += std::string(": ") + words;
    return error(errc::unknown, std::move(context));
}

result<archive_handle> open_tar(int fd, const std::string& name) {
    archive_handle handle(::archive_read_new());
    if (!handle) return error(errc::resource_exhausted, name);
    ::archive_read_support_filter_all(handle.get());
    ::archive_read_support_format_tar(handle.get());
    if (::archive_read_open_fd(handle.get(), fd, block_size) != ARCHIVE_OK) return archive_error(handle.get(), name);
    return handle;
}

result<void> copy_data(::archive* source, ::archive* target, const std::string& name) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    for (;;) {
        int got = ::archive_read_data_block(source, &block, &size, &offset);
        if (got == ARCHIVE_EOF) return {};
        if (got < ARCHIVE_WARN) return archive_error(source, name);
        if (::archive_write_data_block(target, block, size, offset) < ARCHIVE_WARN) return archive_error(target, name);
    }
}

result<std::vector<std::string>> names_in_tar(const std::string& path) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) return file.error();
    auto source = open_tar(file->get(), path);
    if (!source) return source.error();
    std::vector<std::string> names;
    for (;;) {
        ::archive_entry* entry = nullptr;
        int got = ::archive_read_next_header(source->get(), &entry);
        if (got == ARCHIVE_EOF) return names;
        if (got < ARCHIVE_WARN) return archive_error(source->get(), path);
        const char* name = ::archive_entry_pathname(entry);
        if (name != nullptr) names.emplace_back(name);
    }
}

result<void> unpack_tar(const std::string& path, const std::string& directory) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) return file.error();
    auto source = open_tar(file->get(), path);
    if (!source) return source.error();
    archive_handle target(::archive_write_disk_new());
    ::archive_write_disk_set_options(target.get(), ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS);
    for (;;) {
        ::archive_entry* entry = nullptr;
        int got = ::archive_read_next_header(source->get(), &entry);
        if (got == ARCHIVE_EOF) return {};
        if (got < ARCHIVE_WARN) return archive_error(source->get(), path);
        auto type = ::archive_entry_filetype(entry);
        const char* name = ::archive_entry_pathname(entry);
        // Layers that are the same are links in what docker save wrote once.
        bool is_wanted = type == AE_IFREG || type == AE_IFDIR || type == AE_IFLNK;
        if (name == nullptr || !is_wanted || ::archive_entry_hardlink(entry) != nullptr) continue;
        auto place = directory + "/" + name;
        ::archive_entry_set_pathname(entry, place.c_str());
        ::archive_entry_set_perm(entry, type == AE_IFDIR ? 0700 : 0600);
        if (::archive_write_header(target.get(), entry) < ARCHIVE_WARN) return archive_error(target.get(), place);
        if (type != AE_IFREG) continue;
        auto copied = copy_data(source->get(), target.get(), place);
        if (!copied) return copied;
        if (::archive_write_finish_entry(target.get()) < ARCHIVE_WARN) return archive_error(target.get(), place);
    }
}

result<std::string> decompressed(const std::string& path, std::size_t limit) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) return file.error();
    archive_handle source(::archive_read_new());
    if (!source) return error(errc::resource_exhausted, path);
    ::archive_read_support_filter_all(source.get());
    ::archive_read_support_format_raw(source.get());
    ::archive_read_support_format_empty(source.get());
    ::archive_entry* entry = nullptr;
    if (::archive_read_open_fd(source.get(), file->get(), block_size) != ARCHIVE_OK)
        return archive_error(source.get(), path);
    int got = ::archive_read_next_header(source.get(), &entry);
    if (got == ARCHIVE_EOF) return std::string();
    if (got < ARCHIVE_WARN) return archive_error(source.get(), path);
    std::string bytes;
    std::array<char, block_size> block{};
    for (;;) {
        auto count = ::archive_read_data(source.get(), block.data(), block.size());
        if (count < 0) return archive_error(source.get(), path);
        if (count == 0) return bytes;
        bytes.append(block.data(), static_cast<std::size_t>(count));
        if (bytes.size() > limit)
            return error(errc::resource_exhausted, path + " has more than " + std::to_string(limit) + " bytes");
    }
}

}  // namespace vminit::image

// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "file_placement.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/devices/extras.hpp"

namespace vminit::devices {

namespace {

constexpr std::size_t block_size = 64 * 1024;

struct source_file {
    unique_fd fd;
    std::string path;
    std::uint64_t size = 0;
    result<void> status;  // libarchive carries only a number and a text
    std::array<char, block_size> buffer{};
};

struct free_archive {
    void operator()(struct archive* reader) const noexcept { ::archive_read_free(reader); }
};
using archive_handle = std::unique_ptr<struct archive, free_archive>;

result<std::uint64_t> size_of(const unique_fd& fd, const std::string& path) {
    struct stat status{};
    auto known = syscalls::check("stat", path, [&] { return ::fstat(fd.get(), &status); });
    if (!known) return known.error();
    if (!S_ISBLK(status.st_mode)) return static_cast<std::uint64_t>(status.st_size);
    std::uint64_t size = 0;
    auto told = syscalls::check("BLKGETSIZE64", path, [&] { return ::ioctl(fd.get(), BLKGETSIZE64, &size); });
    if (!told) return told.error();
    return size;
}

la_ssize_t read_block(struct archive* reader, void* opaque, const void** block) {
    auto* source = static_cast<source_file*>(opaque);
    auto count = syscalls::check(
        "read", source->path, [&] { return ::read(source->fd.get(), source->buffer.data(), source->buffer.size()); });
    *block = source->buffer.data();
    if (count) return static_cast<la_ssize_t>(*count);
    source->status = count.error();
    ::archive_set_error(reader, EIO, "read failed");
    return ARCHIVE_FATAL;
}

// Damage found by libarchive, or what our own reading ran into.
error archive_error(struct archive* reader, const source_file& source) {
    if (!source.status) return source.status.error();
    const char* text = ::archive_error_string(reader);
    return error(errc::data_loss, "tar on " + source.path + ": " + (text == nullptr ? "damaged" : text));
}

class extraction {
public:
    extraction(source_file& source, const std::string& root, struct archive* reader)
        : source_(source), root_(root), reader_(reader) {}

    result<extras_report> run() {
        for (;;) {
            struct archive_entry* entry = nullptr;
            int status = ::archive_read_next_header(reader_, &entry);
            if (status == ARCHIVE_EOF) return report_;
            if (status < ARCHIVE_WARN) return archive_error(reader_, source_);
            if (auto placed = place(entry); !placed) return placed.error();
        }
    }

private:
    result<void> place(struct archive_entry* entry) {
        const char* name = ::archive_entry_pathname(entry);
        auto components = name == nullptr ? std::nullopt : clean_components(name);
        bool is_link = ::archive_entry_hardlink(entry) != nullptr;
        auto type = ::archive_entry_filetype(entry);
        if (!components || is_link || (type != AE_IFREG && type != AE_IFDIR)) {
            skip(name == nullptr ? "" : name);
            return {};
        }
        auto placed = type == AE_IFDIR ? place_directory(*components, entry) : place_file(*components, entry);
        if (!placed) return placed.error().within(std::string("extract ") + name);
        return {};
    }

    void skip(std::string what) {
        if (report_.skipped++ == 0) report_.first_skipped = std::move(what);
    }

    // An entry for which the guest has no place (a read-only or a special file system, a link that leads nowhere) says
    // nothing about the others. Memory or room that it lacks they lack, too.
    result<void> has_no_place(error failure, struct archive_entry* entry) {
        if (failure.kind() == errc::resource_exhausted) return failure;
        skip(failure.within(::archive_entry_pathname(entry)).message());
        return {};
    }

    result<void> place_directory(const std::vector<std::string>& components, struct archive_entry* entry) {
        auto made = make_directory_below(root_, components, ::archive_entry_perm(entry) & 0777);
        if (!made) return has_no_place(made.error(), entry);
        ++report_.directories;
        return {};
    }

    result<void> place_file(const std::vector<std::string>& components, struct archive_entry* entry) {
        auto size = static_cast<std::uint64_t>(std::max<la_int64_t>(::archive_entry_size(entry), 0));
        if (size > source_.size) return error(errc::out_of_range, "larger than the disk");
        auto directory = open_directory_below(root_, std::span(components).first(components.size() - 1));
        if (!directory) return has_no_place(directory.error(), entry);
        auto file = new_file::create(std::move(*directory));
        if (!file) return has_no_place(file.error(), entry);
        if (auto copied = copy_data(*file, size); !copied) return copied;
        auto done = file->finish(components.back(), size, ::archive_entry_perm(entry) & 0777);
        if (!done) return has_no_place(done.error(), entry);
        ++report_.files;
        return {};
    }

    result<void> copy_data(new_file& file, std::uint64_t size) {
        for (;;) {
            const void* block = nullptr;
            std::size_t length = 0;
            la_int64_t offset = 0;
            int status = ::archive_read_data_block(reader_, &block, &length, &offset);
            if (status == ARCHIVE_EOF) return {};
            if (status < ARCHIVE_WARN) return archive_error(reader_, source_);
            auto start = static_cast<std::uint64_t>(offset);
            if (offset < 0 || start > size || length > size - start) return error(errc::data_loss, "data past its end");
            auto written = file.write_at({static_cast<const char*>(block), length}, start);
            if (!written) return written;
        }
    }

    source_file& source_;
    const std::string& root_;
    struct archive* reader_;
    extras_report report_;
};

}  // namespace

result<extras_report> extract_tar(const std::string& source, const std::string& root) {
    auto fd = syscalls::open(source, O_RDONLY);
    if (!fd) return fd.error();
    auto size = size_of(*fd, source);
    if (!size) return size.error();
    auto input = std::make_unique<source_file>();
    input->fd = std::move(*fd);
    input->path = source;
    input->size = *size;
    archive_handle reader(::archive_read_new());
    if (!reader) return error(errc::resource_exhausted, "tar on " + source);
    ::archive_read_support_format_tar(reader.get());
    if (::archive_read_open(reader.get(), input.get(), nullptr, read_block, nullptr) != ARCHIVE_OK) {
        return archive_error(reader.get(), *input);
    }
    return extraction(*input, root, reader.get()).run();
}

}  // namespace vminit::devices

// SPDX-License-Identifier: Apache-2.0
#include "cpio.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "archive.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::image {

namespace {

constexpr std::size_t block_size = std::size_t{1} << 16;

struct entry_closer {
    void operator()(::archive_entry* entry) const noexcept { ::archive_entry_free(entry); }
};

class cpio_writer {
public:
    cpio_writer(int fd, std::string path, compression how) : archive_(::archive_write_new()), path_(std::move(path)) {
        auto* target = archive_.get();
        ::archive_write_set_format_cpio_newc(target);
        if (how == compression::gzip) ::archive_write_add_filter_gzip(target);
        if (how == compression::zstd) ::archive_write_add_filter_zstd(target);
        // gzip's header would hold the time.
        if (how == compression::gzip) ::archive_write_set_filter_option(target, "gzip", "timestamp", nullptr);
        ::archive_write_set_bytes_in_last_block(target, 4);
        is_open_ = ::archive_write_open_fd(target, fd) == ARCHIVE_OK;
    }

    result<void> write(const file_tree& tree) {
        if (!is_open_) return failure();
        for (const auto& [name, node] : tree.nodes()) {
            auto written = write(name, node);
            if (!written) return written;
        }
        if (::archive_write_close(archive_.get()) != ARCHIVE_OK) return failure();
        return {};
    }

private:
    error failure() const { return archive_error(archive_.get(), path_); }

    result<void> write(const std::string& name, const file_tree::node& node) {
        if (name == "/") return {};
        std::unique_ptr<::archive_entry, entry_closer> entry(::archive_entry_new());
        ::archive_entry_set_pathname(entry.get(), name.substr(1).c_str());
        ::archive_entry_set_ino64(entry.get(), next_inode_++);
        ::archive_entry_set_nlink(entry.get(), 1);
        ::archive_entry_set_mtime(entry.get(), 0, 0);
        ::archive_entry_set_size(entry.get(), 0);
        ::archive_entry_set_perm(entry.get(), node.mode);
        if (const auto* link = std::get_if<file_tree::link>(&node.what)) {
            ::archive_entry_set_filetype(entry.get(), AE_IFLNK);
            ::archive_entry_set_symlink(entry.get(), link->target.c_str());
            return header(entry.get());
        }
        if (std::holds_alternative<file_tree::directory>(node.what)) {
            ::archive_entry_set_filetype(entry.get(), AE_IFDIR);
            return header(entry.get());
        }
        ::archive_entry_set_filetype(entry.get(), AE_IFREG);
        if (const auto* file = std::get_if<file_tree::written_file>(&node.what)) {
            ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(file->bytes.size()));
            auto begun = header(entry.get());
            return begun ? data(file->bytes) : begun;
        }
        return copy(entry.get(), std::get<file_tree::copied_file>(node.what).source);
    }

    result<void> copy(::archive_entry* entry, const std::string& source) {
        auto file = syscalls::open(source, O_RDONLY);
        if (!file) return file.error();
        struct stat found{};
        auto looked = syscalls::attempt("stat", source, [&] { return ::fstat(file->get(), &found); });
        if (!looked) return looked;
        ::archive_entry_set_size(entry, found.st_size);
        auto begun = header(entry);
        if (!begun) return begun;
        std::array<char, block_size> block{};
        for (auto left = found.st_size; left > 0;) {
            auto count =
                syscalls::check("read", source, [&] { return ::read(file->get(), block.data(), block.size()); });
            if (!count) return count.error();
            if (*count == 0) return error(errc::aborted, source + " became shorter while it was read");
            auto written = data({block.data(), static_cast<std::size_t>(std::min<long>(*count, left))});
            if (!written) return written;
            left -= *count;
        }
        return {};
    }

    result<void> header(::archive_entry* entry) {
        if (::archive_write_header(archive_.get(), entry) != ARCHIVE_OK) return failure();
        return {};
    }

    result<void> data(std::string_view bytes) {
        if (::archive_write_data(archive_.get(), bytes.data(), bytes.size()) < 0) return failure();
        return {};
    }

    archive_handle archive_;
    std::string path_;
    la_int64_t next_inode_ = 1;
    bool is_open_ = false;
};

}  // namespace

result<void> write_cpio(const file_tree& tree, const std::string& path, compression how) {
    auto fresh = path + ".XXXXXX";
    auto opened = syscalls::check("mkostemp", path, [&] { return ::mkostemp(fresh.data(), O_CLOEXEC); });
    if (!opened) return opened.error();
    unique_fd file(static_cast<int>(*opened));
    auto written = cpio_writer(file.get(), path, how).write(tree);
    if (written) written = syscalls::attempt("chmod", path, [&] { return ::fchmod(file.get(), 0644); });
    if (written) written = syscalls::attempt("rename", path, [&] { return ::rename(fresh.c_str(), path.c_str()); });
    if (!written) ::unlink(fresh.c_str());
    return written;
}

}  // namespace vminit::image

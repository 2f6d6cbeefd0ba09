// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/resource_usage.hpp"

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit {

namespace {

constexpr std::size_t longest_stat = 4096;

// Places in what follows the command name in /proc/PID/stat (proc(5) counts from 1 and has two before it).
constexpr std::size_t utime_place = 11;
constexpr std::size_t stime_place = 12;
constexpr std::size_t threads_place = 17;

result<std::uint64_t> number_at(const std::vector<std::string_view>& words, std::size_t place,
                                const std::string& path) {
    auto value = place < words.size() ? parse_number<std::uint64_t>(words[place]) : std::nullopt;
    if (!value) return error(errc::internal, path);
    return *value;
}

result<void> read_memory(const std::string& path, resource_usage& usage) {
    auto text = read_file(path, longest_stat);
    if (!text) return text.error();
    auto pages = number_at(words_of(*text), 1, path);
    if (!pages) return pages.error();
    usage.resident_bytes = *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return {};
}

result<void> read_times(const std::string& path, resource_usage& usage) {
    auto text = read_file(path, longest_stat);
    if (!text) return text.error();
    // The command name may contain blanks and parentheses itself.
    auto words = words_of(std::string_view(*text).substr(text->rfind(')') + 1));
    auto user = number_at(words, utime_place, path);
    auto system = number_at(words, stime_place, path);
    auto threads = number_at(words, threads_place, path);
    if (!user || !system || !threads) return error(errc::internal, path);
    auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    usage.cpu = std::chrono::milliseconds((*user + *system) * 1000 / ticks);
    usage.threads = static_cast<std::size_t>(*threads);
    return {};
}

result<void> count_files(const std::string& path, resource_usage& usage) {
    auto opened = syscalls::open(path, O_RDONLY | O_DIRECTORY);
    if (!opened) return opened.error();
    std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(opened->get()), ::closedir);
    if (!directory) return error(errc::resource_exhausted, "fdopendir " + path);
    (void)opened->release();
    while (const auto* entry = ::readdir(directory.get())) {
        if (entry->d_name[0] != '.') ++usage.open_files;
    }
    if (usage.open_files > 0) --usage.open_files;  // the one we look with
    return {};
}

std::uint64_t heap_in_use() {
    auto heap = ::mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

}  // namespace

result<resource_usage> read_resource_usage(const std::string& proc) {
    resource_usage usage;
    auto self = proc + "/self";
    if (auto read = read_memory(self + "/statm", usage); !read) return read.error();
    if (auto read = read_times(self + "/stat", usage); !read) return read.error();
    if (auto read = count_files(self + "/fd", usage); !read) return read.error();
    usage.heap_bytes = heap_in_use();
    return usage;
}

}  // namespace vminit

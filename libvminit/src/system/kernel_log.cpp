// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/kernel_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t max_record = 8192;  // CONSOLE_EXT_LOG_MAX: a read(2) into less fails with EINVAL
constexpr int most_attempts = 8;          // each after lines were overwritten under our hands, or were none

std::uint64_t number_at(std::string_view text) noexcept {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::optional<kernel_record> parse_kernel_record(std::string_view record) {
    auto semicolon = record.find(';');
    if (semicolon == std::string_view::npos) return std::nullopt;
    auto header = record.substr(0, semicolon);
    auto text = record.substr(semicolon + 1);
    kernel_record parsed;
    parsed.level = static_cast<unsigned>(number_at(take_until(header, ',')) & 7);  // the rest is who said it
    parsed.sequence = number_at(take_until(header, ','));
    parsed.time_us = number_at(take_until(header, ','));
    parsed.text = text.substr(0, text.find('\n'));
    return parsed;
}

result<kernel_log> kernel_log::open(executor ex, const std::string& path) {
    auto fd = syscalls::open(path, O_RDONLY | O_NONBLOCK);
    if (!fd) return fd.error();
    return kernel_log(descriptor(ex, fd->release()), path);
}

result<std::optional<kernel_record>> kernel_log::next() {
    std::array<char, max_record> bytes;
    for (int attempt = 0; attempt < most_attempts && !is_over_; ++attempt) {
        auto read =
            syscalls::check("read", path_, [&] { return ::read(file_.native_handle(), bytes.data(), bytes.size()); });
        // Overwritten before we came to it: the next read goes on with the oldest that is left.
        if (!read && syscalls::is_errno(read.error(), EPIPE)) continue;
        if (!read && syscalls::is_errno(read.error(), EAGAIN)) break;
        if (!read) return read.error();
        is_over_ = *read == 0;
        auto record = parse_kernel_record(std::string_view(bytes.data(), static_cast<std::size_t>(*read)));
        if (!record) continue;
        if (record->sequence > expected_) record->lost = record->sequence - expected_;
        expected_ = record->sequence + 1;
        return record;
    }
    return std::optional<kernel_record>();
}

awaitable<void> kernel_log::wait() { co_await file_.async_wait(descriptor::wait_read, as_tuple_awaitable); }

}  // namespace vminit::system

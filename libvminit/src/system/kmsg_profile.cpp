// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/kmsg_profile.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "vminit/core/syscalls.hpp"
#include "vminit/system/kernel_log.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t max_record = 8192;    // CONSOLE_EXT_LOG_MAX: a read(2) into less fails with EINVAL
constexpr std::size_t max_records = 65536;  // far above what a log buffer holds; new records must not keep us here

std::uint64_t number_at(std::string_view text) noexcept {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

void kmsg_profile::add(std::string_view record) {
    constexpr std::string_view prefix = "initcall ";
    constexpr std::string_view returned = " returned ";
    constexpr std::string_view after = " after ";
    auto parsed = parse_kernel_record(record);
    if (!parsed) return;
    std::string_view text = parsed->text;
    if (!text.starts_with(prefix) || !text.ends_with(" usecs")) return;
    auto name_end = text.find(returned);
    auto cost = text.rfind(after);
    if (name_end == std::string_view::npos || cost == std::string_view::npos || cost < name_end) return;
    initcall call{number_at(text.substr(cost + after.size())),
                  std::string(text.substr(prefix.size(), name_end - prefix.size()))};
    ++count_;
    sum_ += call.cost;
    last_ = parsed->time_us;
    auto place = std::upper_bound(dearest_.begin(), dearest_.end(), call.cost,
                                  [](std::uint64_t value, const initcall& other) { return value > other.cost; });
    dearest_.insert(place, std::move(call));
    if (dearest_.size() > max_listed) dearest_.pop_back();
}

std::vector<std::string> kmsg_profile::lines() const {
    std::vector<std::string> all;
    if (count_ == 0) return all;
    all.push_back(fmt::format("KMSG_PROFILE initcalls={} sum_us={} last_ts_us={}", count_, sum_, last_));
    for (const auto& call : dearest_) all.push_back(fmt::format("KMSG_PROFILE {:8} us  {}", call.cost, call.name));
    return all;
}

result<kmsg_profile> read_kmsg_profile(const std::string& path) {
    auto fd = syscalls::open(path, O_RDONLY | O_NONBLOCK);
    if (!fd) return fd.error();
    kmsg_profile profile;
    std::array<char, max_record> record;
    for (std::size_t count = 0; count < max_records; ++count) {
        auto length = syscalls::check("read", path, [&] { return ::read(fd->get(), record.data(), record.size()); });
        // EPIPE: records were overwritten before we came to them; the next read goes on with those that are left.
        if (!length && syscalls::is_errno(length.error(), EPIPE)) continue;
        if (!length && syscalls::is_errno(length.error(), EAGAIN)) break;
        if (!length) return length.error();
        if (*length == 0) break;
        profile.add(std::string_view(record.data(), static_cast<std::size_t>(*length)));
    }
    return profile;
}

}  // namespace vminit::system

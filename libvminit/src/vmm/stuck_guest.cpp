// SPDX-License-Identifier: Apache-2.0
#include "stuck_guest.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vmm {

using namespace std::chrono_literals;

namespace {

constexpr auto command_limit = 10s;  // a piece of memory is written meanwhile
constexpr auto tasks_pause = 1s;     // for the kernel to write its tasks: nothing tells that it has
constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t piece_size = 128 * mib;
constexpr std::uint64_t most_memory = 1024 * mib;
constexpr std::size_t block_size = 4 * mib;
constexpr std::size_t overlap = std::size_t{256}
                                << 10;  // a log that begins in a block is whole with this much behind it

awaitable<std::string> monitor_says(qmp_client& monitor, std::string line) {
    auto arguments = fmt::format(R"({{"command-line":"{}"}})", line);
    auto answer = co_await monitor.execute("human-monitor-command", arguments, command_limit);
    if (!answer || !answer->is_string()) co_return std::string();
    co_return std::string(answer->get_string());
}

// The lines that say where each processor is.
std::string places_in(std::string_view registers) {
    std::string places;
    while (!registers.empty()) {
        auto end = registers.find('\n');
        auto line = registers.substr(0, end);
        registers.remove_prefix(end == std::string_view::npos ? registers.size() : end + 1);
        while (line.ends_with('\r')) line.remove_suffix(1);
        bool is_place = line.starts_with("CPU#") || line.starts_with("RIP=") || line.starts_with("CS =") ||
                        line.starts_with(" PC=");
        if (is_place) places.append(line).append("\n");
    }
    return places;
}

// In blocks: the loop goes on between two of them.
awaitable<std::string> search_file(std::string path) {
    auto file = syscalls::open(path, O_RDONLY);
    if (!file) co_return std::string();
    std::vector<char> block(block_size + overlap);
    for (std::uint64_t at = 0;; at += block_size) {
        auto got = syscalls::raw(
            "pread", [&] { return ::pread(file->get(), block.data(), block.size(), static_cast<off_t>(at)); });
        if (!got || *got <= 0) co_return std::string();
        if (auto log = find_kernel_log(std::string_view(block.data(), static_cast<std::size_t>(*got)))) co_return *log;
        co_await asio::post(co_await asio::this_coro::executor, use_awaitable);
    }
}

awaitable<std::string> read_kernel_log(qmp_client& monitor, vm_plan plan) {
    // virt has its memory behind its devices.
    auto begin = plan.machine == machine_type::virt ? 1024 * mib : 0;
    auto end = begin + std::min(plan.memory_mib * mib, most_memory);
    auto file = plan.directory + "/memory";
    std::string log;
    for (auto at = begin; at < end && log.empty(); at += piece_size) {
        auto size = std::min(piece_size, end - at);
        boost::json::object range{{"val", at}, {"size", size}, {"filename", file}};
        auto arguments = boost::json::serialize(range);
        auto saved = co_await monitor.execute("pmemsave", arguments, command_limit);
        if (saved) log = co_await search_file(file);
        ::unlink(file.c_str());
        if (!saved) break;
    }
    co_return log;
}

}  // namespace

std::string stuck_guest::text() const {
    std::string text;
    auto add = [&](std::string_view title, const std::string& part) {
        if (!part.empty()) text.append(title).append("\n").append(part);
    };
    add("processors:", processors);
    add("kernel log:", kernel.messages);
    add("PID 1:", kernel.init_threads);
    return text;
}

awaitable<stuck_guest> examine_guest(qmp_client& monitor, vm_plan plan) {
    stuck_guest found;
    if (plan.machine == machine_type::q35) {
        (void)co_await monitor_says(monitor, "sendkey alt-sysrq-t");
        co_await sleep_for(tasks_pause);
    }
    found.processors = places_in(co_await monitor_says(monitor, "info registers -a"));
    auto log = co_await read_kernel_log(monitor, std::move(plan));
    found.kernel = story_of(log);
    co_return found;
}

}  // namespace vminit::vmm

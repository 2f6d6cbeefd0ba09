#include "hotplug.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "vminit/core/clock.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::system {

namespace {

using namespace std::chrono_literals;

// sysfs sends no inotify events for files that appear; between QMP and here it takes some milliseconds.
constexpr auto poll_interval = 20ms;
constexpr auto appear_limit = 2s;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool reads_as(const std::string& path, std::string_view value) {
    auto text = read_file(path);
    return text && trimmed(*text) == value;
}

// Busy is the host's to wait for; any other refusal is the guest's fault.
error write_error(const error& failure) {
    bool is_busy = syscalls::is_errno(failure, EBUSY);
    return error(is_busy ? errc::failed_precondition : errc::internal, failure.message());
}

std::string name_of_cpu(std::uint32_t cpu) { return "cpu " + std::to_string(cpu); }
std::string name_of_block(std::uint32_t block) { return "memory block " + std::to_string(block); }

}  // namespace

std::string hotplug::cpu_file(std::uint32_t cpu) const {
    return sysfs_ + "/devices/system/cpu/cpu" + std::to_string(cpu) + "/online";
}

std::string hotplug::memory_file(std::uint32_t block, std::string_view name) const {
    return sysfs_ + "/devices/system/memory/memory" + std::to_string(block) + "/" + std::string(name);
}

bool hotplug::onlines_memory_itself() const {
    return reads_as(sysfs_ + "/devices/system/memory/auto_online_blocks", "online");
}

awaitable<result<void>> hotplug::wait_for_file(std::string what, std::string path) {
    auto deadline = clock::now() + appear_limit;
    while (!exists(path)) {
        if (clock::now() >= deadline) co_return error(errc::not_found, what + ": timeout waiting for " + path);
        co_await sleep_for(poll_interval);
    }
    co_return result<void>();
}

awaitable<result<void>> hotplug::write(std::string path, std::string value) {
    auto job = [path = std::move(path), value = std::move(value)]() -> result<void> {
        auto written = write_file(path, value);
        if (!written) return write_error(written.error());
        return {};
    };
    co_return co_await blocking_.run(blocking_lane::hotplug, std::move(job), "hotplug");
}

awaitable<result<void>> hotplug::offline_cpu(std::uint32_t cpu) {
    if (cpu == 0) co_return error(errc::invalid_argument, "cpu 0 cannot be offlined (boot processor)");
    auto path = cpu_file(cpu);
    if (!exists(path)) co_return error(errc::not_found, name_of_cpu(cpu) + " not present");
    if (reads_as(path, "0")) co_return result<void>();
    co_return co_await write(path, "0");
}

awaitable<result<void>> hotplug::online_cpu(std::uint32_t cpu) {
    if (cpu == 0) co_return result<void>();
    auto path = cpu_file(cpu);
    auto present = co_await wait_for_file(name_of_cpu(cpu), path);
    if (!present) co_return present.error();
    if (reads_as(path, "1")) co_return result<void>();
    co_return co_await write(path, "1");
}

awaitable<result<void>> hotplug::offline_memory(std::uint32_t block) {
    auto path = memory_file(block, "online");
    if (!exists(path)) co_return error(errc::not_found, name_of_block(block) + " not present");
    if (onlines_memory_itself() || reads_as(path, "0")) co_return result<void>();
    if (reads_as(memory_file(block, "removable"), "0")) {
        co_return error(errc::failed_precondition, name_of_block(block) + " is not removable (kernel in use)");
    }
    co_return co_await write(path, "0");
}

awaitable<result<void>> hotplug::online_memory(std::uint32_t block) {
    auto path = memory_file(block, "online");
    auto present = co_await wait_for_file(name_of_block(block), path);
    if (!present) {
        // The number is the host's slot; the blocks of that slot may be there under others.
        auto others = co_await online_other_blocks();
        (void)others;
        co_return present.error();
    }
    if (!reads_as(path, "1")) {
        auto written = co_await write(path, "1");
        if (!written) co_return written.error();
    }
    co_return co_await online_other_blocks();
}

awaitable<result<void>> hotplug::online_other_blocks() {
    auto job = [directory = sysfs_ + "/devices/system/memory"]() -> result<void> {
        result<void> first;
        for (const auto& path : offline_memory_blocks(directory)) {
            auto written = write_file(path, "1");
            if (!written && first) first = write_error(written.error());
        }
        return first;
    };
    co_return co_await blocking_.run(blocking_lane::hotplug, std::move(job), "hotplug");
}

std::vector<std::string> offline_memory_blocks(const std::string& directory) {
    std::vector<std::string> paths;
    struct close_directory {
        void operator()(DIR* handle) const noexcept { ::closedir(handle); }
    };
    std::unique_ptr<DIR, close_directory> handle(::opendir(directory.c_str()));
    if (!handle) return paths;
    while (const auto* entry = ::readdir(handle.get())) {
        std::string block = directory + "/" + entry->d_name;
        bool is_block = std::string_view(entry->d_name).starts_with("memory");
        if (is_block && reads_as(block + "/state", "offline")) paths.push_back(block + "/online");
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

}  // namespace vminit::system

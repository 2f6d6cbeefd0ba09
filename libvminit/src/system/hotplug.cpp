// SPDX-License-Identifier: Apache-2.0
#include "system/hotplug.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "system/limited_write.hpp"
#include "system/memory_blocks.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::system {

namespace {

using namespace std::chrono_literals;

// sysfs sends no inotify events for files that appear; between QMP and here it takes some milliseconds.
constexpr auto poll_interval = 20ms;
constexpr auto appear_limit = 2s;

// Of a file's name only: it waits for no device.
bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// 0: it is not there. One that comes again has another.
ino_t inode_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

bool reads_as(const std::string& path, std::string_view value) {
    auto text = read_file(path);
    return text && trimmed(*text) == value;
}

// Busy is the host's to wait for; any other refusal is the guest's fault.
result<void> write(stoppable_write& writer, const std::string& path, std::string_view value) {
    auto written = writer.perform(path, value);
    if (written) return {};
    const auto& failure = written.error();
    if (syscalls::is_errno(failure, ECANCELED)) return error(errc::deadline_exceeded, "write " + path);
    bool is_busy = syscalls::is_errno(failure, EBUSY);
    return error(is_busy ? errc::failed_precondition : errc::internal, failure.message());
}

result<void> switch_to(stoppable_write& writer, const std::string& path, std::string_view value) {
    if (reads_as(path, value)) return {};
    return write(writer, path, value);
}

result<void> online_others(stoppable_write& writer, const std::string& directory, const std::set<std::string>& kept) {
    result<void> first;
    for (const auto& block : offline_memory_blocks(directory)) {
        if (kept.contains(block)) continue;
        auto written = write(writer, block + "/online", "1");
        if (!written && first) first = written;
    }
    return first;
}

std::string name_of_cpu(std::uint32_t cpu) { return "cpu " + std::to_string(cpu); }
std::string name_of_block(std::uint32_t block) { return "memory block " + std::to_string(block); }
std::string memory_directory(const std::string& sysfs) { return sysfs + "/devices/system/memory"; }

executor executor_of(asio::execution_context& context) {
    return static_cast<asio::io_context&>(context).get_executor();
}

}  // namespace

struct hotplug::operation : limited_write {
    operation(std::string name, executor ex) : limited_write(ex), unit(std::move(name)) {}

    std::string unit;
    result<void> outcome;
};

hotplug::hotplug(asio::execution_context& context, std::string sysfs)
    : blocking_(asio::use_service<blocking_service>(context)),
      ex_(executor_of(context)),
      sysfs_(std::move(sysfs)),
      tasks_(ex_, log_of(context)) {
    remember_boot_memory();
}

void hotplug::remember_boot_memory() { boot_blocks_ = memory_blocks(memory_directory(sysfs_)); }

std::string hotplug::cpu_file(std::uint32_t cpu) const {
    return sysfs_ + "/devices/system/cpu/cpu" + std::to_string(cpu) + "/online";
}

std::string hotplug::memory_block(std::uint32_t block) const {
    return memory_directory(sysfs_) + "/memory" + std::to_string(block);
}

// Without those that were unplugged since.
std::set<std::string> hotplug::taken_blocks() const {
    std::set<std::string> taken;
    for (const auto& [path, inode] : taken_blocks_) {
        if (inode_of(path) == inode) taken.insert(path);
    }
    return taken;
}

awaitable<result<void>> hotplug::wait_for_file(std::string what, std::string path) {
    auto deadline = clock::now() + appear_limit;
    while (!exists(path)) {
        if (clock::now() >= deadline) co_return error(errc::not_found, what + ": timeout waiting for " + path);
        co_await sleep_for(poll_interval);
    }
    co_return result<void>();
}

// The operation outlives a caller that is cancelled: its unit is busy until the kernel is through with it.
awaitable<result<void>> hotplug::perform(std::string unit, job work) {
    if (busy_.contains(unit)) co_return error(errc::failed_precondition, unit + ": another operation is under way");
    auto running = std::make_shared<operation>(unit, ex_);
    tasks_.spawn("hotplug", run_job(running, std::move(work)));
    tasks_.spawn("hotplug limit", limited_write::enforce(running, limit));
    bool has_ended = co_await running->wait();
    if (has_ended) co_return running->outcome;
    co_return error(errc::deadline_exceeded, unit + ": the kernel does not come to an end with it");
}

awaitable<void> hotplug::run_job(std::shared_ptr<operation> running, job work) {
    busy_.insert(running->unit);
    auto on_thread = [writer = running->writer(), work = std::move(work)] { return work(*writer); };
    auto outcome = co_await blocking_.run(blocking_lane::hotplug, std::move(on_thread), running->unit);
    busy_.erase(running->unit);
    running->outcome = std::move(outcome);
    running->end();
}

awaitable<result<void>> hotplug::offline_cpu(std::uint32_t cpu) {
    if (cpu == 0) co_return error(errc::invalid_argument, "cpu 0 cannot be offlined (boot processor)");
    auto path = cpu_file(cpu);
    if (!exists(path)) co_return error(errc::not_found, name_of_cpu(cpu) + " not present");
    job work = [path](stoppable_write& writer) { return switch_to(writer, path, "0"); };
    co_return co_await perform(name_of_cpu(cpu), std::move(work));
}

awaitable<result<void>> hotplug::online_cpu(std::uint32_t cpu) {
    if (cpu == 0) co_return result<void>();
    auto path = cpu_file(cpu);
    auto present = co_await wait_for_file(name_of_cpu(cpu), path);
    if (!present) co_return present.error();
    job work = [path](stoppable_write& writer) { return switch_to(writer, path, "1"); };
    co_return co_await perform(name_of_cpu(cpu), std::move(work));
}

awaitable<result<void>> hotplug::offline_memory(std::uint32_t block) {
    auto path = memory_block(block);
    auto name = name_of_block(block);
    if (!exists(path + "/online")) co_return error(errc::not_found, name + " not present");
    auto is_of_boot = boot_blocks_.contains(path);
    job work = [=, automatic = memory_directory(sysfs_) + "/auto_online_blocks"](stoppable_write& writer) {
        // A kernel that onlines memory itself takes it away itself.
        if (reads_as(automatic, "online") || reads_as(path + "/online", "0")) return result<void>();
        std::string refusal = is_of_boot ? " belongs to the memory the machine booted with" : "";
        if (refusal.empty() && reads_as(path + "/removable", "0")) refusal = " is not removable (kernel in use)";
        if (!refusal.empty()) return result<void>(error(errc::failed_precondition, name + refusal));
        return write(writer, path + "/online", "0");
    };
    if (!is_of_boot) taken_blocks_[path] = inode_of(path);
    auto done = co_await perform(name, std::move(work));
    if (!done) taken_blocks_.erase(path);
    co_return done;
}

awaitable<result<void>> hotplug::online_memory(std::uint32_t block) {
    auto name = name_of_block(block);
    auto path = memory_block(block);
    auto present = co_await wait_for_file(name, path + "/online");
    taken_blocks_.erase(path);
    job work = [path, is_there = present.has_value(), kept = taken_blocks(),
                directory = memory_directory(sysfs_)](stoppable_write& writer) {
        if (is_there) {
            auto written = switch_to(writer, path + "/online", "1");
            if (!written) return written;
        }
        return online_others(writer, directory, kept);
    };
    auto done = co_await perform(std::move(name), std::move(work));
    // The number is the host's slot; the blocks of that slot may be there under others.
    if (!present) co_return present.error();
    co_return done;
}

}  // namespace vminit::system

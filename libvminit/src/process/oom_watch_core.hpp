// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"

namespace vminit::process {

/// What a watch knows; shared between its handle and the core.
struct oom_watch_entry {
    std::string memory_events;  // path
    std::function<void()> on_oom_kill;
    std::uint64_t told = 0;  // oom_kill when the callback last ran
    int memory_watch = -1;   // inotify watch descriptors; -1 once the kernel has ended them
    int cgroup_watch = -1;
    bool is_due = false;

    bool has(int watch) const noexcept { return watch == memory_watch || watch == cgroup_watch; }
    bool is_watched() const noexcept { return memory_watch >= 0 || cgroup_watch >= 0; }
};

/// The inotify descriptor and the watches on it. Two containers may share a cgroup, and with it a watch descriptor.
class oom_watch_core : public std::enable_shared_from_this<oom_watch_core> {
public:
    explicit oom_watch_core(asio::io_context& context);

    result<std::shared_ptr<oom_watch_entry>> add(const std::string& directory, std::function<void()> on_oom_kill);

    /// Looks a last time, then forgets the entry; like all that calls back, on an entry that the caller holds.
    void stop(const std::shared_ptr<oom_watch_entry>& entry);
    void remove(const std::shared_ptr<oom_watch_entry>& entry) noexcept;
    void shutdown() noexcept;
    std::size_t size() const noexcept { return entries_.size(); }

private:
    using entry_pointer = std::shared_ptr<oom_watch_entry>;

    result<void> open();
    void close_unless_watching() noexcept;
    void close() noexcept;
    result<int> watch_file(const std::string& path);
    result<void> watch_files(oom_watch_entry& entry, const std::string& directory);
    void unwatch(oom_watch_entry& entry) noexcept;
    void give_up(const error_code& reason);

    void listen();
    void dispatch();
    void drain();
    void take(int watch, std::uint32_t mask) noexcept;
    void look_soon(const entry_pointer& entry);
    void look(const entry_pointer& entry);

    asio::io_context& context_;
    logger& log_;
    asio::posix::basic_stream_descriptor<executor> inotify_;
    std::vector<entry_pointer> entries_;
    bool is_listening_ = false;
    bool is_shut_down_ = false;
};

}  // namespace vminit::process

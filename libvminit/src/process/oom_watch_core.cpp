// SPDX-License-Identifier: Apache-2.0
#include "process/oom_watch_core.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "process/cgroup_counters.hpp"
#include "process/cgroup_file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::process {

namespace {

// A storm must not keep the loop here: what is left wakes us again.
constexpr int max_reads_per_turn = 16;

}  // namespace

oom_watch_core::oom_watch_core(asio::io_context& context)
    : context_(context), log_(log_of(context)), inotify_(context) {}

result<std::shared_ptr<oom_watch_entry>> oom_watch_core::add(const std::string& directory,
                                                             std::function<void()> on_oom_kill) {
    if (is_shut_down_) return error(errc::unavailable, "oom watch");
    if (auto opened = open(); !opened) return opened.error();
    auto entry = std::make_shared<oom_watch_entry>();
    entry->memory_events = directory + "/memory.events";
    entry->on_oom_kill = std::move(on_oom_kill);
    if (auto watched = watch_files(*entry, directory); !watched) {
        unwatch(*entry);
        close_unless_watching();
        return watched.error();
    }
    for (const auto& other : entries_) {
        if (other->has(entry->memory_watch)) entry->told = std::max(entry->told, other->told);
    }
    entries_.push_back(entry);
    // Kills before the watch notify nobody: look without being asked, but not inside the caller's call.
    look_soon(entry);
    return entry;
}

void oom_watch_core::stop(const std::shared_ptr<oom_watch_entry>& entry) {
    look(entry);
    remove(entry);
}

void oom_watch_core::remove(const std::shared_ptr<oom_watch_entry>& entry) noexcept {
    // The callback may own the container that owns the watch.
    auto callback = std::exchange(entry->on_oom_kill, nullptr);
    if (std::erase(entries_, entry) == 0) return;
    unwatch(*entry);
    close_unless_watching();
}

void oom_watch_core::shutdown() noexcept {
    is_shut_down_ = true;
    auto entries = std::exchange(entries_, {});
    for (const auto& entry : entries) entry->on_oom_kill = nullptr;
    close();
}

result<void> oom_watch_core::open() {
    if (inotify_.is_open()) return {};
    auto fd = syscalls::check("inotify_init1", {}, [] { return ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK); });
    if (!fd) return fd.error();
    unique_fd owned(static_cast<int>(*fd));
    error_code ec;
    inotify_.assign(owned.get(), ec);
    if (ec) return error(ec, "inotify");
    (void)owned.release();
    listen();
    return {};
}

void oom_watch_core::close_unless_watching() noexcept {
    auto is_watched = [](const entry_pointer& entry) { return entry->is_watched(); };
    if (std::none_of(entries_.begin(), entries_.end(), is_watched)) close();
}

void oom_watch_core::close() noexcept {
    error_code ignored;
    inotify_.close(ignored);
}

result<int> oom_watch_core::watch_file(const std::string& path) {
    int inotify = inotify_.native_handle();
    auto watch = syscalls::check("inotify_add_watch", path,
                                 [&] { return ::inotify_add_watch(inotify, path.c_str(), IN_MODIFY); });
    if (!watch) return watch.error();
    return static_cast<int>(*watch);
}

result<void> oom_watch_core::watch_files(oom_watch_entry& entry, const std::string& directory) {
    auto memory = watch_file(entry.memory_events);
    if (!memory) return memory.error();
    entry.memory_watch = *memory;
    auto events = watch_file(directory + "/cgroup.events");
    if (!events) return events.error();
    entry.cgroup_watch = *events;
    return {};
}

void oom_watch_core::unwatch(oom_watch_entry& entry) noexcept {
    for (int watch : {std::exchange(entry.memory_watch, -1), std::exchange(entry.cgroup_watch, -1)}) {
        auto is_shared = [watch](const entry_pointer& other) { return other->has(watch); };
        if (watch < 0 || std::any_of(entries_.begin(), entries_.end(), is_shared)) continue;
        (void)::inotify_rm_watch(inotify_.native_handle(), watch);
    }
}

void oom_watch_core::listen() {
    if (std::exchange(is_listening_, true)) return;
    // Cancelled or not: the descriptor may have been closed and opened again while the handler was on its way.
    inotify_.async_wait(asio::posix::descriptor_base::wait_read, [weak = weak_from_this()](error_code) {
        auto self = weak.lock();
        if (!self) return;
        self->is_listening_ = false;
        if (self->inotify_.is_open()) self->dispatch();
    });
}

void oom_watch_core::dispatch() {
    drain();
    if (inotify_.is_open()) listen();
    // Callbacks may add and remove entries.
    std::vector<entry_pointer> due;
    for (const auto& entry : entries_) {
        if (std::exchange(entry->is_due, false)) due.push_back(entry);
    }
    for (const auto& entry : due) look(entry);
}

void oom_watch_core::drain() {
    alignas(inotify_event) std::array<char, 4096> buffer{};
    for (int reads = 0; reads < max_reads_per_turn; ++reads) {
        auto size =
            syscalls::raw("read", [&] { return ::read(inotify_.native_handle(), buffer.data(), buffer.size()); });
        if (!size && size.error() == asio::error::would_block) break;
        if (!size) return give_up(size.error());
        inotify_event event{};
        for (std::size_t at = 0; at + sizeof event <= static_cast<std::size_t>(*size); at += sizeof event + event.len) {
            std::memcpy(&event, buffer.data() + at, sizeof event);
            take(event.wd, event.mask);
        }
    }
    close_unless_watching();
}

// Each watch still looks a last time when it is stopped.
void oom_watch_core::give_up(const error_code& reason) {
    log_.error("OOM kills are told late: inotify failed", {{"error", reason.message()}});
    for (const auto& entry : entries_) entry->memory_watch = entry->cgroup_watch = -1;
    close();
}

void oom_watch_core::take(int watch, std::uint32_t mask) noexcept {
    bool is_lost = (mask & IN_Q_OVERFLOW) != 0;
    for (const auto& entry : entries_) {
        if (!is_lost && !entry->has(watch)) continue;
        entry->is_due = true;
        // The cgroup has been removed.
        if ((mask & IN_IGNORED) != 0) (watch == entry->memory_watch ? entry->memory_watch : entry->cgroup_watch) = -1;
    }
}

void oom_watch_core::look_soon(const entry_pointer& entry) {
    auto look_at = [weak = weak_from_this(), watched = std::weak_ptr(entry)] {
        auto self = weak.lock();
        auto target = watched.lock();
        if (self && target) self->look(target);
    };
    asio::post(context_, std::move(look_at));
}

void oom_watch_core::look(const entry_pointer& entry) {
    if (!entry->on_oom_kill) return;
    auto text = read_cgroup_file(entry->memory_events);
    if (!text) {
        if (!is_gone(text.error())) log_.warn("memory.events cannot be read", {{"error", text.error()}});
        return;
    }
    auto events = parse_memory_events(*text);
    if (!events || events->oom_kill <= entry->told) return;
    entry->told = events->oom_kill;
    // A copy, because the callback may end its own watch.
    auto callback = entry->on_oom_kill;
    callback();
}

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::process {

class oom_watch_core;
struct oom_watch_entry;

/// One container's watch for OOM kills, made by `oom_watch_service::watch`; the container owns it, so that its count
/// goes with it and a new container of the same id starts anew. Move-only; harmless after the service's shutdown.
class oom_watch {
public:
    oom_watch() noexcept = default;
    oom_watch(oom_watch&&) noexcept = default;
    oom_watch& operator=(oom_watch&& other) noexcept;
    ~oom_watch();

    /// Ends the watch with one last look, so that a kill which took init down is told before init's exit is: the
    /// callback, if it is due, runs inside this call and never after it. Idempotent. The destructor ends it untold.
    void stop();

    /// Whether it has not been stopped.
    explicit operator bool() const noexcept;

private:
    friend class oom_watch_service;
    oom_watch(std::weak_ptr<oom_watch_core> core, std::shared_ptr<oom_watch_entry> entry) noexcept
        : core_(std::move(core)), entry_(std::move(entry)) {}
    void drop() noexcept;

    std::weak_ptr<oom_watch_core> core_;
    std::shared_ptr<oom_watch_entry> entry_;
};

/// Tells containers that the kernel killed processes of theirs for want of memory: `oom_kill` in memory.events has
/// grown, which counts the cgroup and all below it. One inotify descriptor for all containers, open while there are
/// any.
class oom_watch_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit oom_watch_service(asio::execution_context& context);
    ~oom_watch_service() override;

    /// Watches the cgroup directory `directory`; `on_oom_kill` is called once for each observed increase, not for each
    /// victim. Kills from before are told too: the count starts from 0, or from what another watch of the same cgroup
    /// has told. The callback runs from the loop, never inside this call, and may end this or any watch.
    ///
    /// Errors: errno of inotify and of the files memory.events and cgroup.events (ENOENT: no memory controller), for
    /// the log: the container goes on without a watch.
    result<oom_watch> watch(const std::string& directory, std::function<void()> on_oom_kill);

    /// Now: watches that are not stopped.
    std::size_t size() const noexcept;

private:
    void shutdown() noexcept override;

    std::shared_ptr<oom_watch_core> core_;
};

}  // namespace vminit::process

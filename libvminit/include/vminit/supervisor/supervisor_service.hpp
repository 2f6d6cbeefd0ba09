// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/supervisor/service_spec.hpp"
#include "vminit/supervisor/supervised_event.hpp"
#include "vminit/supervisor/supervised_status.hpp"

namespace vminit::supervisor {

class monitor;

/// Where the service works, and who hears what happens.
struct supervisor_config {
    std::string root;                            ///< in front of every path of every service, for tests; empty = /
    std::string cgroup_root = "/sys/fs/cgroup";  ///< below `root`; where it is no cgroup2, services have no cgroup
    supervised_event_sink on_event;              ///< may be empty
};

/// Keeps named services running: starts them when their trigger comes, and again as their policy says.
///
/// A service lives as long as the context or until `stop`, whoever added it. What it prints goes to its log file
/// through a bounded buffer, so that it never waits for the disk nor the loop for it. Use from the context's thread.
class supervisor_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    /// A bound against a caller that adds without end; a VM has one or two.
    static constexpr std::size_t max_services = 64;

    /// What `stop` allows beyond the longest `stop_limit`, for SIGKILL to work and the last output to be written.
    static constexpr clock::duration stop_grace = std::chrono::milliseconds(500);

    explicit supervisor_service(asio::execution_context& context);
    supervisor_service(asio::execution_context& context, supervisor_config config);
    ~supervisor_service() override;

    /// Begins to supervise. Errors: as `validate`; already_exists; resource_exhausted beyond `max_services`;
    /// unavailable after `stop`.
    result<void> add(service_spec spec);

    /// The extras are extracted: services that wait for them, or were found absent, are looked up now. Idempotent.
    void extras_ready();

    /// A container has its rootfs: the same for services that wait for one. Later calls change nothing for a service
    /// that has been found. `path` is passed on as it is.
    void rootfs_ready(std::string path);

    /// Starts the service anew, whatever its state: a running process is stopped first (SIGTERM, then SIGKILL), the
    /// binary is looked up again and the policy reset. Returns at once; `status` and the events tell the rest. Errors:
    /// not_found; failed_precondition while it waits for its trigger; unavailable after `stop`.
    result<void> restart(std::string_view name);

    /// Errors: not_found.
    result<supervised_status> status(std::string_view name) const;

    /// All services, in the order they were added.
    std::vector<supervised_status> list() const;

    /// Ends supervision: SIGTERM to every process, SIGKILL after its `stop_limit`, no restarts. Returns when all have
    /// ended and their output is written, or after the longest `stop_limit` and `stop_grace`. May be called again.
    awaitable<void> stop();

private:
    void shutdown() noexcept override;
    monitor* find(std::string_view name) const noexcept;

    asio::io_context& context_;
    supervisor_config config_;
    std::vector<std::unique_ptr<monitor>> monitors_;
    bool has_extras_ = false;
    std::string rootfs_;  // of the first container; empty = none yet
    bool is_stopping_ = false;
    task_group tasks_;
};

}  // namespace vminit::supervisor

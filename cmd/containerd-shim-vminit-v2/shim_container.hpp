// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "event_publisher.hpp"
#include "github.com/containerd/containerd/api/types/mount.pb.h"
#include "host_storage.hpp"
#include "network_wish.hpp"
#include "shim_process.hpp"
#include "spec_facts.hpp"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// One container of the VM: its processes, and its events on their way from the guest to the daemon.
///
/// Events go on one by one in the guest's order, so a TaskExit whose output a client has not read yet holds back this
/// container's later events and no other's. The queue is as long as the guest's events are many; the exits among them
/// are bounded by the processes.
class shim_container : public std::enable_shared_from_this<shim_container> {
public:
    /// How long output may keep a TaskExit back after the process's end: as long as containerd's own shims wait.
    static constexpr clock::duration output_limit = std::chrono::seconds(30);

    shim_container(asio::io_context& context, std::string id, std::string bundle, event_publisher& publisher);

    const std::string& id() const noexcept { return id_; }
    const std::string& bundle() const noexcept { return bundle_; }

    /// Where the daemon looks for it: the VMM's pid, for the guest's numbers mean nothing on this machine.
    void set_pid(std::uint32_t pid) noexcept { pid_ = pid; }
    std::uint32_t pid() const noexcept { return pid_; }

    /// Errors: already_exists.
    result<std::shared_ptr<shim_process>> add(std::string exec_id, std::shared_ptr<host_stdio> stdio);

    /// Errors: not_found.
    result<std::shared_ptr<shim_process>> find(const std::string& exec_id) const;
    void remove(const std::string& exec_id);

    /// An event of the guest's. Starts forwarding if nothing is under way.
    void take(containerd::types::Envelope envelope);

    /// Returns when init's exit has been told, or `limit` has passed.
    awaitable<void> init_ended(clock::duration limit);

    /// The VM is gone: each process that has not ended has been killed, the execs before init.
    void lose();

    /// Publishes TaskDelete of its init.
    void tell_deleted(const process_exit& how);

    /// Stops forwarding and closes all stdio.
    void close();

    /// After `close`: returns when the loggers of its processes have ended.
    awaitable<void> end_loggers();

    /// The stdio of a process of its own: init's without an exec id.
    std::shared_ptr<host_stdio> make_stdio(stdio_names names, const std::string& exec_id) const;

    spec_facts facts;             ///< what its spec says beyond itself
    std::uint32_t guest_pid = 0;  ///< init's, inside
    bool is_untold = false;       ///< the daemon does not know it: nothing is published
    bool is_lost = false;         ///< the guest cannot end it any more: it is not asked to
    network_wish network;         ///< what it asks for
    container_storage storage;    ///< its root and its volumes
    google::protobuf::RepeatedPtrField<containerd::types::Mount> rootfs;  ///< as the daemon gave it, for TaskCreate

private:
    void publish(std::string_view topic, google::protobuf::Any event);
    static awaitable<void> forward_all(std::shared_ptr<shim_container> self);
    awaitable<void> forward(containerd::types::Envelope envelope);
    awaitable<void> forward_exit(containerd::types::Envelope envelope);
    google::protobuf::Any rewritten(const google::protobuf::Any& event) const;

    asio::io_context& context_;
    std::string id_;
    std::string bundle_;
    event_publisher& publisher_;
    std::uint32_t pid_ = 0;
    std::map<std::string, std::shared_ptr<shim_process>> processes_;
    std::deque<containerd::types::Envelope> waiting_;
    bool is_forwarding_ = false;
    task_group tasks_;
};

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vminit/core/clock.hpp"
#include "vminit/system/mount_entry.hpp"

/// Lifecycle facts as plain values; `containerd.events.*` on the wire.
namespace vminit::events {

/// /tasks/create: a container was created, its init not yet started.
struct task_create {
    std::string container_id;
    std::string bundle;
    std::vector<system::mount_entry> rootfs;  ///< as mounted: templates replaced
    std::string stdin_uri, stdout_uri, stderr_uri;
    bool terminal = false;
    std::string checkpoint;
    std::uint32_t pid = 0;
};

/// /tasks/start: the init of a container runs.
struct task_start {
    std::string container_id;
    std::uint32_t pid = 0;
};

/// /tasks/exit: an init or an exec has ended. Told once for each.
struct task_exit {
    std::string container_id;
    std::string id;  ///< the container id for init, the exec id for an exec
    std::uint32_t pid = 0;
    std::uint32_t exit_status = 0;
    wall_time exited_at{};
};

/// /tasks/oom: the kernel killed something in the container for its memory limit.
struct task_oom {
    std::string container_id;
};

/// /tasks/delete: a container, or an exec of it, is gone.
struct task_delete {
    std::string container_id;
    std::uint32_t pid = 0;
    std::uint32_t exit_status = 0;
    wall_time exited_at{};
    std::string id;  ///< empty for init
};

/// /tasks/exec-added: an exec is known, not yet started.
struct task_exec_added {
    std::string container_id;
    std::string exec_id;
};

/// /tasks/exec-started: an exec runs.
struct task_exec_started {
    std::string container_id;
    std::string exec_id;
    std::uint32_t pid = 0;
};

/// /tasks/paused: the processes of the container are frozen.
struct task_paused {
    std::string container_id;
};

/// /tasks/resumed: they run again.
struct task_resumed {
    std::string container_id;
};

/// /tasks/checkpointed: the container was written to `checkpoint`, a directory.
struct task_checkpointed {
    std::string container_id;
    std::string checkpoint;
};

/// Told to a subscriber that knows about numbering in the place of events we could not keep. The envelope's number is
/// `last`, so resuming after it goes on behind the gap.
struct events_lost {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

/// A fact of a layer above, already encoded for the wire: this layer only carries it.
struct foreign_event {
    std::string topic;     ///< below `/vminit/`
    std::string type_url;  ///< bare full message name
    std::string value;
};

using payload =
    std::variant<task_create, task_start, task_exit, task_oom, task_delete, task_exec_added, task_exec_started,
                 task_paused, task_resumed, task_checkpointed, events_lost, foreign_event>;

/// The topic of an event: `/tasks/exit` and so on. A foreign event's own, or `/tasks/?` if that is no topic.
std::string_view topic_of(const payload& event) noexcept;

/// True if `text` starts with `/` and every component is an identifier.
bool is_topic(std::string_view text) noexcept;

/// One published event. Immutable once published; subscribers share it.
struct envelope {
    envelope(std::uint64_t sequence, wall_time timestamp, payload event)
        : sequence(sequence), timestamp(timestamp), event(std::move(event)) {}

    std::uint64_t sequence;  ///< 1, 2, 3 ... in the order of publishing, for the daemon's lifetime
    wall_time timestamp;
    payload event;

    /// The guest has one namespace; hosts put their own in its place.
    static constexpr std::string_view name_space = "default";

    std::string_view topic() const noexcept { return topic_of(event); }
};

}  // namespace vminit::events

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"

/// States of init and exec processes, and which call is allowed when. Decides only; no I/O.
namespace vminit::process {

/// As Task.State reports it. `unknown` stands for a process that is deleted but still held.
enum class process_status { unknown, created, running, stopped, paused, pausing };

/// `running` and so on, as runtimes and containerd name them.
std::string_view to_text(process_status status) noexcept;

enum class process_kind { init, exec };

/// The calls that depend on the state.
enum class process_call { start, remove, kill, exec, update, resize, pause, resume, checkpoint };

/// How a process ended, for waiters and Delete.
struct process_exit {
    process_exit() = default;
    process_exit(std::uint32_t pid, std::uint32_t status, std::optional<wall_time> exited_at) noexcept
        : pid(pid), status(status), exited_at(exited_at) {}

    std::uint32_t pid = 0;
    std::uint32_t status = 0;
    std::optional<wall_time> exited_at;  ///< nullopt: it never ran, Go's zero time on the wire

    friend bool operator==(const process_exit&, const process_exit&) = default;
};

/// One process's life: created -> running -> stopped -> deleted, with created -> stopped and created -> deleted legal,
/// and for an init running <-> paused.
class process_state {
public:
    /// What an exec that could not be started reports, as a shell would.
    static constexpr std::uint32_t failed_start_status = 255;

    explicit process_state(process_kind kind) noexcept : kind_(kind) {}

    /// Whether `call` may go ahead. Errors: failed_precondition with containerd's text (`cannot start a running
    /// process`), not_found for Delete and Kill of a deleted one. A start in flight counts as running.
    result<void> check(process_call call) const;

    process_status status() const noexcept;

    /// Start: `begin` reserves (a second Start fails meanwhile), then one of the others.
    void begin_start() noexcept { is_starting_ = true; }
    void started(std::uint32_t pid) noexcept;
    /// An init's failed start leaves it created, to be tried or deleted.
    void start_failed() noexcept { is_starting_ = false; }
    /// An exec's failed start is final: stopped with status 255; nobody waits for ever and Start cannot be repeated.
    void start_failed_for_good(wall_time now) noexcept;

    /// Created by the runtime with this pid, not started.
    void created(std::uint32_t pid) noexcept { pid_ = pid; }

    /// Records the exit. False, and nothing changes, if one was recorded already.
    bool exited(std::uint32_t exit_status, wall_time at) noexcept;

    /// Delete: `begin` reserves (a second Delete is told it is deleted), `failed` puts the old state back.
    void begin_remove() noexcept { is_removing_ = true; }
    void remove_failed() noexcept { is_removing_ = false; }
    void removed() noexcept;

    /// Pause and Resume: `begin` reserves (neither is allowed while one is in flight), then one of the others.
    void begin_pause() noexcept { is_pausing_ = true; }
    void paused() noexcept;
    void pause_failed() noexcept { is_pausing_ = false; }
    void begin_resume() noexcept { is_resuming_ = true; }
    void resumed() noexcept;
    void resume_failed() noexcept { is_resuming_ = false; }

    process_kind kind() const noexcept { return kind_; }
    bool is_running() const noexcept { return phase_ == phase::running; }
    bool is_starting() const noexcept { return is_starting_; }
    bool has_exited() const noexcept { return exit_.has_value(); }
    bool is_removing() const noexcept { return is_removing_; }
    bool is_deleted() const noexcept { return phase_ == phase::deleted; }
    std::uint32_t pid() const noexcept { return pid_; }

    /// What Wait and Delete answer; before the exit, pid with status 0 and no time.
    process_exit exit() const noexcept;

private:
    enum class phase { created, running, stopped, deleted };
    struct ended {
        std::uint32_t status;
        wall_time at;
    };

    process_kind kind_;
    phase phase_ = phase::created;
    bool is_starting_ = false;
    bool is_removing_ = false;
    bool is_paused_ = false;
    bool is_pausing_ = false;
    bool is_resuming_ = false;
    std::uint32_t pid_ = 0;
    std::optional<ended> exit_;
};

}  // namespace vminit::process

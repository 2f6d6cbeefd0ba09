// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "attached_process.hpp"
#include "client_session.hpp"
#include "departure.hpp"
#include "task_calls.hpp"

namespace vminit::vminitctl {

enum class run_until {
    created,
    started,  ///< both leave it to itself then
    ended,    ///< followed to its end
    deleted,  ///< and deleted
};

/// What came of a process_run.
struct run_outcome {
    run_outcome() = default;
    run_outcome(int status, std::uint32_t pid) : status(status), pid(pid) {}

    int status = 0;         ///< to exit with
    std::uint32_t pid = 0;  ///< 0 when it was ended before it had one, or has ended
};

/// A container or an exec from its making to the step that is wanted. What it made does not outlive a failure, nor our
/// own end by a signal or for want of a reader, as long as the guest answers; else a line on stderr says what is left.
///
/// Use once.
class process_run {
public:
    /// Makes it in the guest with that stdio: Task.Create or Task.Exec. Returns init's pid, of an exec 0.
    using maker = std::function<awaitable<result<std::uint32_t>>(stdio_uris)>;

    /// In the background, with streams of its own or none.
    process_run(client_session& guest, process_key key, run_until until, stdio_uris stdio = {});

    /// In the foreground, with our stdio.
    process_run(client_session& guest, process_key key, run_until until, attached_stdio stdio);

    /// Errors: those of the calls, of open_stdio_stream.
    awaitable<result<run_outcome>> run(maker make);

private:
    enum class remains { nothing, unknown, made };

    awaitable<result<run_outcome>> complete(maker make);
    awaitable<result<run_outcome>> steps(maker make);
    awaitable<result<std::uint32_t>> make_it(maker make);
    awaitable<result<std::uint32_t>> start();
    awaitable<result<run_outcome>> follow();
    awaitable<bool> remove();
    awaitable<void> clear_away();
    void take(int signal);
    std::string remains_text() const;
    bool is_init() const noexcept { return key_.exec_id.empty(); }

    client_session& guest_;
    process_key key_;
    run_until until_;
    stdio_uris stdio_;
    departure leaving_;
    std::optional<attached_process> attached_;
    ending_rules endings_;
    remains remains_ = remains::nothing;
    bool may_run_ = false;
};

}  // namespace vminit::vminitctl

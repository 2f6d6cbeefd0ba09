// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "client_session.hpp"
#include "departure.hpp"
#include "ending_rules.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "output_patience.hpp"
#include "task_calls.hpp"
#include "terminal.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::vminitctl {

enum class stdin_mode { none, forwarded };
enum class console_mode { none, terminal };

/// What of our stdio a process gets.
struct attached_stdio {
    /// Our stdin is forwarded when asked for, and when a process with a terminal is run from one.
    attached_stdio(const client_session& guest, bool is_interactive, bool has_terminal);

    stdin_mode input;
    console_mode console;
};

/// A process of the guest whose stdio is ours: bytes both ways, signals and window sizes there, its end back.
///
/// Create it and `open` it before the process exists, so that no byte is lost; `follow` once it is started; `close` in
/// the end, whatever happened.
class attached_process {
public:
    attached_process(client_session& guest, process_key key, attached_stdio stdio, departure& leaving);

    /// Opens the streams. Errors: those of open_stdio_stream.
    awaitable<result<void>> open();

    /// For Task.Create and Task.Exec; valid after `open`.
    const stdio_uris& uris() const noexcept { return uris_; }

    /// Tells the guest our window's size. Without a terminal on either side it does nothing.
    awaitable<void> resize();

    /// Copies until the process has ended and its output with it. With a console our terminal is raw meanwhile.
    ///
    /// Output that our reader takes slowly is waited for without end; output that nobody ends, because a descendant
    /// holds it, until nothing has come for 30 s. When nobody reads our stdout, or our terminal hangs up, the process
    /// is killed and the output let go. Errors: those of Task.Wait.
    awaitable<result<containerd::task::v3::WaitResponse>> follow();

    /// Why our stdout could not be written, if so; broken_pipe when nobody reads it.
    const std::optional<error>& output_failure() const noexcept { return output_failure_; }

    /// What a signal of ours means: for the process as long as it runs and the guest answers, then for us.
    void take(int signal);

    /// Ends the copying and gives the terminal back.
    awaitable<void> close();

private:
    using stream = std::optional<ttrpc::stream_socket>;

    awaitable<result<void>> open_one(stream& into, std::string& uri, std::uint32_t id);
    void begin();
    awaitable<void> copy_input();
    awaitable<void> copy_output(stream& from, int fd, std::size_t index);
    awaitable<void> outputs_ended(clock::time_point since);
    awaitable<void> watch_reader();
    void reader_lost(const error& why);
    awaitable<void> forward(int signal, int reason);
    awaitable<void> hang_up();
    awaitable<bool> kill(int signal, clock::duration limit);

    client_session& guest_;
    process_key key_;
    attached_stdio stdio_;
    departure& leaving_;
    stdio_uris uris_;
    stream in_;
    stream out_;
    stream err_;
    output_patience outputs_;
    ending_rules endings_;
    process_phase phase_ = process_phase::preparing;
    std::optional<error> output_failure_;
    condition changed_;  // of phase_, outputs_ and leaving_
    std::optional<raw_mode> raw_;
    task_group tasks_;
};

}  // namespace vminit::vminitctl

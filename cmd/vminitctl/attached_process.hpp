#pragma once

#include <boost/asio/basic_signal_set.hpp>
#include <optional>

#include "client_session.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
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

/// A process of the guest whose stdio is ours: bytes both ways, signals and window sizes there, its exit status back.
///
/// Create it and `open` it before the process exists, so that no signal and no byte is lost; `follow` once it is
/// started.
class attached_process {
public:
    attached_process(client_session& guest, process_key key, attached_stdio stdio);

    /// Opens the streams. Errors: those of open_stdio_stream.
    awaitable<result<void>> open();

    /// For Task.Create and Task.Exec; valid after `open`.
    const stdio_uris& uris() const noexcept { return uris_; }

    /// Tells the guest our window's size. Without a terminal on either side it does nothing.
    awaitable<void> resize();

    /// Copies until the process has ended and its output with it. With a console our terminal is raw meanwhile.
    ///
    /// SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the process; the third of them is SIGKILL. Output that outlives the
    /// process (a descendant holds it) is given up 30 s later. Errors: those of Task.Wait.
    awaitable<result<containerd::task::v3::WaitResponse>> follow();

private:
    using stream = std::optional<ttrpc::stream_socket>;

    awaitable<result<void>> open_one(stream& into, std::string& uri, std::uint32_t id);
    void begin();
    awaitable<void> copy_input();
    awaitable<void> close_input();
    awaitable<void> copy_output(stream& from, int fd);
    awaitable<result<void>> outputs_ended();
    awaitable<void> forward_signals();
    awaitable<void> forward(int signal);

    client_session& guest_;
    process_key key_;
    attached_stdio stdio_;
    stdio_uris uris_;
    stream in_;
    stream out_;
    stream err_;
    std::size_t open_outputs_ = 0;
    condition outputs_changed_;
    asio::basic_signal_set<executor> signals_;
    int endings_ = 0;  // how often we were asked to end it
    std::optional<raw_mode> raw_;
    task_group tasks_;
};

}  // namespace vminit::vminitctl

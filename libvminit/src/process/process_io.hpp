// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "process/host_ends.hpp"
#include "process/input_pump.hpp"
#include "process/io_environment.hpp"
#include "process/logger_process.hpp"
#include "process/output_pump.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::process {

/// Whose stdio it is, for the log and for the ownership of the pipes.
struct io_owner {
    io_owner(std::string container_id, std::string exec_id, std::uint32_t uid, std::uint32_t gid)
        : container_id(std::move(container_id)), exec_id(std::move(exec_id)), uid(uid), gid(gid) {}

    std::string container_id;
    std::string exec_id;  ///< empty for init
    std::uint32_t uid;
    std::uint32_t gid;
};

/// The stdio of one process: owns every descriptor of it and the pumps between them, and closes them on every path.
///
/// open -> [runtime runs with child_fds, or start_terminal] -> release_child_ends -> ... -> exited, drain -> close.
class process_io {
public:
    /// Opens the host's ends, makes the pipes and starts the pumps, so that a runtime that writes much to its stderr
    /// does not hang. Errors: `failed to create init process I/O: failed to get stdout stream: unable to get stream 7`
    /// and so on; what was opened is closed again. `environment` outlives the result.
    static awaitable<result<std::unique_ptr<process_io>>> open(io_environment& environment, stdio_uris uris,
                                                               io_owner owner);

    process_io(const process_io&) = delete;
    process_io& operator=(const process_io&) = delete;
    ~process_io();

    bool is_terminal() const noexcept { return uris_.terminal; }

    /// What is kept of its output; null if nothing is.
    const std::shared_ptr<kept_output>& log() const noexcept { return host_.log(); }

    /// For the runtime; valid until `release_child_ends`. Nothing with a terminal.
    runc::stdio_fds child_fds() const noexcept;

    /// The runtime has handed them on: only the process and its descendants hold them now.
    void release_child_ends() noexcept;

    /// The terminal's master has come from the runtime.
    result<void> start_terminal(unique_fd master);

    /// Errors: errno of the ioctl. Success without a terminal.
    result<void> resize(std::uint16_t width, std::uint16_t height);

    /// What comes on the stream `uri` is the process's input until the stream's end. Errors: already_exists while
    /// another one is attached; failed_precondition unless stdin is attach://, and for an input that is closed or not
    /// there yet; invalid_argument and not_found of the stream.
    result<void> attach_input(const std::string& uri);

    /// CloseIO, also before the terminal has come.
    void close_input();

    /// The process has exited.
    void exited();

    /// Waits until its output is with the host, or not worth waiting for any more; each stream at most until `latest`.
    /// After `exited`.
    awaitable<void> drain(clock::time_point latest = clock::time_point::max());

    /// A further `drain` gives a host that stopped reading as long again as the first.
    void be_patient_again();

    /// Less patience from now on.
    void hurry(clock::duration held);

    /// Ends the pumps and closes everything; the host sees the end. Idempotent. What its process wrote and a host has
    /// not taken yet goes on in the background (`output_pump::leave_behind`), with the descriptors it needs.
    awaitable<void> close();

private:
    using shared_end = std::shared_ptr<stdio_end>;

    process_io(io_environment& environment, stdio_uris uris, io_owner owner);

    awaitable<result<void>> open_all();
    awaitable<result<void>> open_input();
    awaitable<result<opened_file>> open_plain(stdio_target target);
    awaitable<result<void>> open_output(stdio_target target, std::string_view name, unique_fd& child_end);
    awaitable<result<void>> open_loggers(stdio_target out, stdio_target err);
    awaitable<result<void>> start_logger(stdio_target target, unique_fd out, unique_fd err);
    awaitable<result<shared_end>> open_host_end(stdio_target target, std::string_view name);
    result<unique_fd> make_input_pipe(shared_end& ours);
    result<unique_fd> make_output_pipe(shared_end host);
    result<unique_fd> make_logger_pipe(unique_fd& read_end);
    result<void> give_to_owner(int fd) const;
    void start_input(shared_end source, shared_end target, host_end meaning = host_end::is_input_end);
    bool is_attached() const noexcept { return input_ && !input_->has_ended(); }
    void start_output(shared_end source, shared_end target);
    void stop_pumps();
    bool leave_outputs();

    io_environment& environment_;
    stdio_uris uris_;
    io_owner owner_;
    host_ends host_;
    std::unique_ptr<task_group> pumps_;
    unique_fd child_in_, child_out_, child_err_;
    bool is_err_out_ = false;  // both go to the same place through one pipe, in the order they were written
    shared_end terminal_input_, terminal_output_, master_;
    std::vector<shared_end> ends_;  // all of ours, for closing
    std::shared_ptr<input_pump> input_;
    bool is_input_finished_ = false;
    bool is_attachable_ = false;
    shared_end open_input_;  // of one that is attachable: where who is attached writes
    std::vector<std::shared_ptr<output_pump>> outputs_;
    std::vector<logger_process> loggers_;
};

}  // namespace vminit::process

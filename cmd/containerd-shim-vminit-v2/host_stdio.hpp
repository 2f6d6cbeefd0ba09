// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "output_targets.hpp"
#include "stdio_names.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::shim {

/// One process's stdio: the fifos of containerd's client on this side, streams of the guest on the other.
///
/// Output: each fifo is held open for reading as well as for writing, so that readers come and go without the process
/// noticing; a full one stops that stream alone, and the guest's process with it. At the guest's end of a stream its
/// fifo is closed, which is the client's end of file. A file or a logger of this machine may stand in for the fifos:
/// what it does not take any more (it has died, the disk is full) is lost, with a line in the log, and the process goes
/// on.
///
/// Input: read from `begin` on. It ends when the last writer of the fifo is gone, and `close_input` gives up our own:
/// what was written before is never lost, and a client may detach and come back.
///
/// Made by make_shared: what copies keeps it alive until it has ended, which `close` brings about.
class host_stdio : public std::enable_shared_from_this<host_stdio> {
public:
    /// `whose` is what a logger is told.
    host_stdio(asio::io_context& context, stdio_names names, logged_process whose = {});
    host_stdio(const host_stdio&) = delete;
    host_stdio& operator=(const host_stdio&) = delete;

    /// How long a logger that has the end of its input may take to end by itself, and after SIGTERM.
    static constexpr clock::duration logger_patience = std::chrono::seconds(10);
    static constexpr clock::duration logger_after_term = std::chrono::seconds(2);

    /// Opens the guest's streams and what the outputs go to, and starts copying output. `first_id` and the two after it
    /// are the streams' numbers. Errors: those of `open_output_targets`; not_implemented for an input that is no fifo;
    /// of the streams.
    awaitable<result<void>> open(ttrpc::address streams, std::uint32_t first_id);

    /// What the guest is to be told: `stream://` names, empty where there is none.
    const stdio_names& guest_names() const noexcept { return guest_; }
    const stdio_names& names() const noexcept { return names_; }

    /// Starts reading the input: when the process has been started, because clients ask for CloseIO only after Create.
    result<void> begin();

    /// CloseIO. Before `begin` it is remembered.
    void close_input();

    /// Returns when all output has been taken by the fifos, or after `limit` (a reader that does not read), or when
    /// cancelled: false then.
    awaitable<bool> drained(clock::duration limit);

    /// Closes everything at once; what has not been read is lost.
    void close();

    /// After `close`: returns when there is no logger any more, which may be made to end.
    awaitable<void> end_logger();

private:
    using fifo = asio::posix::basic_stream_descriptor<executor>;

    awaitable<result<void>> open_output(std::shared_ptr<host_output> target, std::string& guest_name,
                                        ttrpc::address streams, std::uint32_t id);
    static awaitable<void> copy_output(std::shared_ptr<host_stdio> self, std::shared_ptr<host_output> target,
                                       std::shared_ptr<ttrpc::stream_socket> source);
    static awaitable<void> copy_input(std::shared_ptr<host_stdio> self, std::shared_ptr<fifo> source);
    awaitable<result<void>> outputs_ended();

    asio::io_context& context_;
    stdio_names names_;
    logged_process whose_;
    reaper::child logger_;
    stdio_names guest_;
    std::shared_ptr<ttrpc::stream_socket> in_;
    std::optional<fifo> own_writer_;
    bool is_input_closed_ = false;
    int open_outputs_ = 0;
    condition changed_;
    task_group tasks_;
};

}  // namespace vminit::shim

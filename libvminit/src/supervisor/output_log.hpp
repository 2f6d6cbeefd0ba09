// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::supervisor {

/// Copies what a service prints to its bounded log file.
///
/// One pipe for all runs of the service. It is always read, so that the service never waits for us; what comes faster
/// than the pool can write is dropped, counted, and told in the log. Must outlive the tasks it starts.
class output_log {
public:
    /// What is kept while a write is under way: as much as the pipe itself holds.
    static constexpr std::size_t max_pending = std::size_t{64} * 1024;

    /// `limit` is that of the file. `service` names the service in our log.
    output_log(asio::io_context& context, std::string service, std::string path, std::size_t limit);

    /// Makes the pipe and starts copying; nothing to do when that has been done, or without a path.
    result<void> open(task_group& tasks);

    /// The write end, for the child's stdout and stderr; -1 when it is not open.
    int writer() const noexcept { return writer_.get(); }

    /// Ends the copying once what is in the pipe now is written. No output is owed to the file any more.
    void finish();

    /// Bytes that did not reach the file.
    std::uint64_t dropped() const noexcept { return dropped_; }

private:
    awaitable<void> read();
    awaitable<void> write();
    void take_available();
    std::string next_batch();
    void note_written(const result<void>& outcome, std::size_t size);

    asio::posix::basic_stream_descriptor<executor> reader_;
    blocking_service& pool_;
    logger& log_;
    std::string service_;
    std::string path_;
    std::size_t limit_;
    std::size_t capacity_;
    unique_fd writer_;
    condition changed_;
    std::string pending_;
    std::uint64_t lost_ = 0;  // dropped since `pending_` was full
    std::uint64_t dropped_ = 0;
    bool is_finishing_ = false;
    bool is_read_ = false;
    bool is_failing_ = false;
    bool is_loss_told_ = false;
};

}  // namespace vminit::supervisor

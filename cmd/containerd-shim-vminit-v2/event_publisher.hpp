// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "github.com/containerd/containerd/api/types/event.pb.h"
#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::shim {

/// Forwards events to the daemon in the order in which they were given, one at a time, again and again while the daemon
/// is away (it may be restarting). At most `most_waiting` wait; then the oldest goes and the log says so.
class event_publisher {
public:
    static constexpr std::size_t most_waiting = 2048;  // what containerd's own shims keep

    event_publisher(asio::io_context& context, std::string ttrpc_address, std::string space);
    ~event_publisher();

    /// Queues `topic` with this event. The namespace is this shim's, the time is now.
    void publish(std::string topic, google::protobuf::Any event);

    /// The namespace of all that this shim serves.
    const std::string& space() const noexcept { return space_; }

    /// Returns when nothing waits, or after `limit`.
    awaitable<void> flush(clock::duration limit);

private:
    void drop_first();
    awaitable<void> forward_all();
    awaitable<result<void>> forward(containerd::types::Envelope envelope);
    awaitable<result<void>> emptied();

    asio::io_context& context_;
    std::string address_;
    std::string space_;
    std::deque<containerd::types::Envelope> waiting_;
    std::uint64_t number_of_first_ = 0;
    std::optional<ttrpc::client> daemon_;
    condition changed_;
    task_group tasks_;
};

/// An Any with the bare full name as its type, as containerd has it.
google::protobuf::Any pack_event(const google::protobuf::MessageLite& message);

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::ttrpc {

/// Where a `writer` puts its messages; not a template, so that the work is compiled once.
class message_sink {
public:
    virtual awaitable<result<void>> send(std::string message) = 0;
    virtual awaitable<result<void>> flushed() = 0;

protected:
    ~message_sink() = default;
};

/// The outgoing messages of a stream. Borrowed: valid until the handler returns.
template <class Message>
class writer {
public:
    explicit writer(message_sink& sink) : sink_(&sink) {}

    /// Queues `message`; waits only while the connection's queue is full, that is while the peer does not read. Errors:
    /// resource_exhausted when the message exceeds 4 MiB or the bounds on unsent output (the call is then over), unavailable when the connection is
    /// lost, cancelled when the call is over or the caller has been cancelled. After an error the message is not sent.
    awaitable<result<void>> write(const Message& message) { return sink_->send(message.SerializeAsString()); }

    /// Returns when all that was queued on the connection has been handed to the kernel. Errors: unavailable when the
    /// connection was lost first: what was written since the last success may not have arrived.
    awaitable<result<void>> flushed() { return sink_->flushed(); }

private:
    message_sink* sink_;
};

}  // namespace vminit::ttrpc

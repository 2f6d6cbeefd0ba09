// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <optional>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::ttrpc {

/// Where a `reader` takes its messages from; not a template, so that the work is compiled once.
class message_source {
public:
    /// The next message into `message`. False at the end of input.
    virtual awaitable<result<bool>> receive(google::protobuf::MessageLite& message) = 0;

protected:
    ~message_source() = default;
};

/// The incoming messages of a stream. Borrowed: valid until the handler returns.
template <class Message>
class reader {
public:
    explicit reader(message_source& source) : source_(&source) {}

    /// The next message, in order; `nullopt` when the peer has sent its last. Errors: internal when a message is not a
    /// `Message`, cancelled when the call is over. One caller at a time.
    awaitable<result<std::optional<Message>>> read() {
        std::optional<Message> message(std::in_place);
        auto received = co_await source_->receive(*message);
        if (!received) co_return received.error();
        if (!*received) message.reset();
        co_return std::move(message);
    }

private:
    message_source* source_;
};

}  // namespace vminit::ttrpc

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/events/envelope.hpp"

namespace vminit::events {

class exchange_core;

/// What a subscriber wants. The default is today's hosts' plain behaviour.
struct subscribe_options {
    subscribe_options() = default;
    subscribe_options(std::uint64_t after_sequence, bool acknowledge, bool observe = false) noexcept
        : after_sequence(after_sequence), acknowledge(acknowledge), observe(observe) {}

    std::uint64_t after_sequence = 0;  ///< resume behind this number; 0 = with what is held
    bool acknowledge = false;          ///< keep each event until it is acknowledged
    bool observe = false;  ///< take copies only: the events are kept, or lost, as if this subscriber were not there

    /// A subscriber that knows about numbers: it gets delivered events again, and is told of gaps in band.
    bool is_numbered() const noexcept { return after_sequence > 0 || acknowledge; }
};

/// One subscriber's place in the stream of events. Move-only; destroying it ends the subscription.
///
/// The event `next` returned last counts as sent when `next` is called again. Destroying the subscription before that,
/// e.g. because the write failed or was cancelled, gives it and everything still queued back: to the next subscriber,
/// or to a younger one that has not had them. Harmless after the context's shutdown.
class subscription {
public:
    subscription() noexcept = default;
    subscription(subscription&&) noexcept = default;
    subscription& operator=(subscription&& other) noexcept;
    ~subscription();

    explicit operator bool() const noexcept { return core_ != nullptr; }

    /// The next event, in order of publishing. One caller at a time; the subscription outlives the call.
    ///
    /// Errors: resource_exhausted once the subscriber is more than `exchange_service::max_behind` behind, out_of_range
    /// if it asked to resume behind an event that was never published (another boot's number), unavailable when the
    /// exchange has been closed and everything is delivered, cancelled.
    awaitable<result<std::shared_ptr<const envelope>>> next();

    /// From now on a subscriber with `options`, with no event missed meanwhile: what it had not sent is given back, and it
    /// is given what these options ask for. An event that `next` has returned last stays in hand.
    void refine(subscribe_options options);

    /// `event`, the one `next` returned last, could not be sent: `next` returns it again, or whoever subscribes next
    /// gets it.
    void requeue(const std::shared_ptr<const envelope>& event);

    /// Everything up to `sequence` has reached its destination and need not be kept for this subscriber. Numbers not
    /// delivered yet are ignored.
    void acknowledge(std::uint64_t sequence);

    /// Events waiting in this subscriber's queue.
    std::size_t behind() const noexcept;

private:
    friend class exchange_service;
    subscription(std::shared_ptr<exchange_core> core, std::uint64_t id) noexcept;
    void end() noexcept;
    static awaitable<result<std::shared_ptr<const envelope>>> next_of(std::shared_ptr<exchange_core> core,
                                                                      std::uint64_t id);

    std::shared_ptr<exchange_core> core_;
    std::uint64_t id_ = 0;
};

}  // namespace vminit::events

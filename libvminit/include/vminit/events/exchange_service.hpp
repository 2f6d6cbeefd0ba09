// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/events/envelope.hpp"
#include "vminit/events/subscription.hpp"

namespace vminit::events {

class exchange_core;

/// How many events of one topic were published. The topics of other layers' own events count together as
/// `foreign_topics`, so that there are never more than a dozen.
struct topic_count {
    std::string_view topic;
    std::uint64_t published = 0;
};
inline constexpr std::string_view foreign_topics = "/vminit";

/// What passed the exchange since it was made, and what it holds now.
struct exchange_counters {
    std::uint64_t published = 0;
    std::uint64_t lost = 0;       ///< dropped from the ring before anybody had got or acknowledged them
    std::uint64_t cut_off = 0;    ///< subscribers too far behind
    std::size_t subscribers = 0;  ///< now, without those that observe
    std::size_t held = 0;         ///< now: in the ring
    std::size_t undelivered = 0;  ///< now: of these, what nobody has got or acknowledged yet
};

/// Every lifecycle fact goes through here: numbered, to every subscriber, in one global order.
///
/// Publishing never blocks and never fails. While nobody listens the newest `max_held` events are kept for the next
/// subscriber; so are the events an acknowledging subscriber has not acknowledged. What is pushed out is counted,
/// logged and told to the next subscriber that asked for numbers (`events_lost`).
class exchange_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    static constexpr std::size_t max_held = 1024;    ///< events over a host's reconnect window, with a margin of 100
    static constexpr std::size_t max_behind = 4096;  ///< a subscriber that slow is broken: about 1.5 MB of events

    explicit exchange_service(asio::execution_context& context);
    ~exchange_service() override;

    /// Numbers and stamps the event and queues it for every subscriber. Returns its number.
    std::uint64_t publish(payload event);

    /// The subscription has its place at once: later events are in it whenever `next` is called.
    subscription subscribe(subscribe_options options = {});

    /// No subscriber waits for anything further: `next` delivers what is queued, then `unavailable`. Publishing still
    /// works (into the ring). For power-off. Idempotent.
    void close();

    /// Returns when every subscriber has asked for more after its last event, true, or `limit` has passed, false.
    awaitable<bool> drain(clock::duration limit);

    exchange_counters counters() const noexcept;

    /// The topics that occurred, one entry each.
    std::vector<topic_count> topics() const;

private:
    void shutdown() noexcept override;

    std::shared_ptr<exchange_core> core_;
};

}  // namespace vminit::events

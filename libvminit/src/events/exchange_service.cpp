// SPDX-License-Identifier: Apache-2.0
#include "vminit/events/exchange_service.hpp"

#include <utility>

#include "events/exchange_core.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::events {

namespace {

awaitable<bool> await_drained(std::shared_ptr<exchange_core> core) {
    while (!core->ledger.is_drained()) {
        bool goes_on = co_await core->changed->wait();
        if (!goes_on) co_return false;
    }
    co_return true;
}

awaitable<bool> drain_of(std::shared_ptr<exchange_core> core, clock::duration limit) {
    using namespace asio::experimental::awaitable_operators;
    auto outcome = co_await (await_drained(core) || sleep_for(limit));
    co_return outcome.index() == 0 && std::get<0>(outcome);
}

}  // namespace

exchange_service::exchange_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      core_(std::make_shared<exchange_core>(static_cast<asio::io_context&>(context).get_executor(), log_of(context))) {}

exchange_service::~exchange_service() = default;

void exchange_service::shutdown() noexcept { core_->changed.reset(); }

std::uint64_t exchange_service::publish(payload event) {
    bool was_losing = core_->ledger.lost() > core_->lost_told;
    auto& count = core_->topics[event.index()];
    count.topic = std::holds_alternative<foreign_event>(event) ? foreign_topics : topic_of(event);
    ++count.published;
    auto published = core_->ledger.publish(std::move(event), wall_now());
    // Before a word of it is logged: that may fail, and the event is there.
    if (!core_->is_shut_down()) core_->changed->notify_all();
    core_->log.debug("event published", {{"topic", published->topic()}, {"sequence", published->sequence}});
    // One line when it begins and one with the count when somebody listens again, not one an event.
    if (!was_losing && core_->ledger.lost() > core_->lost_told) {
        core_->log.warn("events are being lost, nobody takes them", {{"held", core_->ledger.held()}});
    }
    return published->sequence;
}

subscription exchange_service::subscribe(subscribe_options options) {
    if (options.observe) return subscription(core_, core_->ledger.add(options, wall_now()));
    auto lost = core_->ledger.lost() - std::exchange(core_->lost_told, core_->ledger.lost());
    if (lost > 0) core_->log.warn("events were lost before this subscriber came", {{"count", lost}});
    return subscription(core_, core_->ledger.add(options, wall_now()));
}

void exchange_service::close() {
    core_->is_closed = true;
    if (!core_->is_shut_down()) core_->changed->notify_all();
}

awaitable<bool> exchange_service::drain(clock::duration limit) { return drain_of(core_, limit); }

exchange_counters exchange_service::counters() const noexcept {
    const auto& ledger = core_->ledger;
    exchange_counters counters;
    counters.published = ledger.published();
    counters.lost = ledger.lost();
    counters.cut_off = ledger.cut_off();
    counters.subscribers = ledger.subscribers();
    counters.held = ledger.held();
    counters.undelivered = ledger.undelivered();
    return counters;
}

std::vector<topic_count> exchange_service::topics() const {
    std::vector<topic_count> seen;
    for (const auto& count : core_->topics) {
        if (count.published > 0) seen.push_back(count);
    }
    return seen;
}

}  // namespace vminit::events

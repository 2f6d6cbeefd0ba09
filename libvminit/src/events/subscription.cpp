// SPDX-License-Identifier: Apache-2.0
#include "vminit/events/subscription.hpp"

#include <utility>

#include "events/exchange_core.hpp"

namespace vminit::events {

subscription::subscription(std::shared_ptr<exchange_core> core, std::uint64_t id) noexcept
    : core_(std::move(core)), id_(id) {}

subscription& subscription::operator=(subscription&& other) noexcept {
    if (this != &other) {
        end();
        core_ = std::move(other.core_);
        id_ = other.id_;
    }
    return *this;
}

subscription::~subscription() { end(); }

void subscription::end() noexcept {
    auto core = std::move(core_);
    core_.reset();
    if (!core || core->is_shut_down()) return;
    try {
        core->ledger.remove(id_);
        core->changed->notify_all();  // what it gave back may be another's now
    } catch (...) {
        // Out of memory: what it had not sent is lost, the others go on.
    }
}

awaitable<result<std::shared_ptr<const envelope>>> subscription::next() { return next_of(core_, id_); }

awaitable<result<std::shared_ptr<const envelope>>> subscription::next_of(std::shared_ptr<exchange_core> core,
                                                                         std::uint64_t id) {
    core->changed->notify_all();  // for `drain`: the last one is sent
    for (;;) {
        auto taken = core->ledger.take(id);
        switch (taken.what) {
            case event_ledger::answer::event:
                co_return std::move(taken.event);
            case event_ledger::answer::cut_off:
                co_return error(
                    errc::resource_exhausted,
                    "event subscriber is more than " + std::to_string(exchange_service::max_behind) + " events behind");
            case event_ledger::answer::ahead:
                co_return error(errc::out_of_range, "resume behind an event that was never published");
            case event_ledger::answer::nothing:
                break;
        }
        if (core->is_closed) co_return error(errc::unavailable, "event exchange is closed");
        bool goes_on = co_await core->changed->wait();
        if (!goes_on) co_return error(errc::cancelled, "event stream");
    }
}

void subscription::refine(subscribe_options options) {
    core_->ledger.refine(id_, options, wall_now());
    if (!core_->is_shut_down()) core_->changed->notify_all();  // what it gave back may be another's now
}

void subscription::requeue(const std::shared_ptr<const envelope>& event) { core_->ledger.requeue(id_, event); }

void subscription::acknowledge(std::uint64_t sequence) { core_->ledger.acknowledge(id_, sequence); }

std::size_t subscription::behind() const noexcept { return core_ ? core_->ledger.behind(id_) : 0; }

}  // namespace vminit::events

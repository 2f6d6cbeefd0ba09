// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/deadline_queue.hpp"

namespace vminit::ttrpc {

// Shared with the timer's handler, which may be the last to go.
struct deadline_queue::state : std::enable_shared_from_this<state> {
    explicit state(executor ex) : next(ex) {}

    void arm() {
        if (entries.empty() || entries.begin()->first >= armed_for) return;
        armed_for = entries.begin()->first;
        next.expires_at(armed_for);
        next.async_wait([weak = weak_from_this()](error_code failure) {
            auto self = weak.lock();
            if (self && !failure) self->expire();
        });
    }

    void expire() {
        armed_for = clock::time_point::max();
        auto now = clock::now();
        while (!entries.empty() && entries.begin()->first <= now) {
            auto* due = entries.begin()->second;
            entries.erase(entries.begin());
            due->when_ = clock::time_point::max();
            due->on_deadline();
        }
        arm();
    }

    timer next;
    clock::time_point armed_for = clock::time_point::max();
    std::set<std::pair<clock::time_point, deadline*>> entries;
};

deadline_queue::deadline_queue(executor ex) : state_(std::make_shared<state>(ex)) {}

deadline_queue::~deadline_queue() { stop(); }

void deadline_queue::set(deadline& entry, clock::time_point when) {
    clear(entry);
    if (when == clock::time_point::max()) return;
    entry.when_ = when;
    state_->entries.emplace(when, &entry);
    state_->arm();
}

void deadline_queue::clear(deadline& entry) noexcept {
    if (entry.when_ == clock::time_point::max()) return;
    state_->entries.erase({entry.when_, &entry});
    entry.when_ = clock::time_point::max();
}

void deadline_queue::stop() noexcept {
    for (auto& [when, entry] : state_->entries) entry->when_ = clock::time_point::max();
    state_->entries.clear();
    state_->armed_for = clock::time_point::max();
    state_->next.cancel();
}

}  // namespace vminit::ttrpc

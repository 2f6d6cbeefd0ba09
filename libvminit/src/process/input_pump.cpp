// SPDX-License-Identifier: Apache-2.0
#include "process/input_pump.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace vminit::process {

using readiness = stdio_end::readiness;
using streams::copy_outcome;

input_pump::input_pump(executor ex, std::shared_ptr<stdio_end> source, std::shared_ptr<stdio_end> target,
                       std::shared_ptr<streams::copy_buffer> buffer, clock::duration late, host_end meaning)
    : ex_(ex),
      source_(source),
      target_(target),
      copier_(std::move(source), std::move(target), std::move(buffer)),
      late_(late),
      meaning_(meaning),
      pause_(ex) {}

awaitable<void> input_pump::run_on(std::shared_ptr<input_pump> self) {
    // Also when an exception ends it (no memory): the process reads the end then, and the host sees it.
    struct at_end {
        input_pump& pump;
        ~at_end() { pump.end(); }
    } ending{*self};
    while (!self->is_at_end_) co_await self->take_step();
}

void input_pump::end() {
    source_->close();
    // A terminal's input has no end of its own: the master stays with its owner.
    bool is_kept = meaning_ == host_end::is_departure && !is_finishing_ && !is_broken_;
    if (target_->kind() != end_kind::terminal && !is_kept) target_->close();
    has_ended_ = true;
}

awaitable<void> input_pump::take_step() {
    switch (copy()) {
        case copy_outcome::moved:
            co_await asio::post(ex_, as_tuple_awaitable);
            break;
        case copy_outcome::drained:
        case copy_outcome::source_empty:
            co_await await_more();
            break;
        case copy_outcome::target_full:
            is_held_back_ = is_finishing_;
            co_await target_->wait(readiness::writable);
            break;
        case copy_outcome::target_away:
        case copy_outcome::no_memory:
            pause_.expires_after(retry_pause);
            co_await pause_.async_wait(as_tuple_awaitable);
            break;
        case copy_outcome::target_broken:
            is_broken_ = true;
            is_at_end_ = true;
            break;
        case copy_outcome::source_away:
        case copy_outcome::source_ended:
            is_at_end_ = true;
            break;
    }
}

copy_outcome input_pump::copy() {
    auto before = copier_.moved();
    auto outcome = copier_.step();
    if (copier_.moved() > before) quiet_since_ = clock::now();
    copier_.traffic().input += copier_.moved() - before;
    return outcome;
}

// Everything that was read is with the process.
awaitable<void> input_pump::await_more() {
    auto needed = is_held_back_ ? late_ * held_back_factor : late_;
    auto finish_at = is_finishing_ ? quiet_since_ + needed : clock::time_point::max();
    is_at_end_ = clock::now() >= finish_at;
    if (!is_at_end_) co_await source_->wait_until(readiness::readable, finish_at);
}

void input_pump::finish() {
    if (is_finishing_) return;
    is_finishing_ = true;
    is_held_back_ = copier_.kept() > 0;
    quiet_since_ = clock::now();
    look_again();
}

void input_pump::stop() {
    is_at_end_ = true;
    look_again();
}

void input_pump::look_again() {
    source_->poke();
    target_->poke();
    pause_.cancel();
}

}  // namespace vminit::process

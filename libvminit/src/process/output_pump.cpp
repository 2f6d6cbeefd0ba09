// SPDX-License-Identifier: Apache-2.0
#include "process/output_pump.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace vminit::process {

using readiness = stdio_end::readiness;
using streams::copy_outcome;

namespace {

// More than the kernel holds of what was written to a terminal (about 19 KiB; FIONREAD tells of 4 KiB).
constexpr std::size_t terminal_capacity = std::size_t{64} << 10;

}  // namespace

output_pump::output_pump(executor ex, logger& log, std::string owner, std::shared_ptr<stdio_end> source,
                         std::shared_ptr<stdio_end> target, std::shared_ptr<streams::copy_buffer> buffer,
                         clock::duration held)
    : ex_(ex),
      log_(log),
      owner_(std::move(owner)),
      source_(source),
      target_(target),
      copier_(std::move(source), std::move(target), std::move(buffer)),
      progress_(held),
      hold_(ex),
      pause_(ex) {}

awaitable<void> output_pump::run_on(std::shared_ptr<output_pump> self) {
    // Also when an exception ends it (no memory): nobody may wait for what comes no more.
    struct at_end {
        output_pump& pump;
        ~at_end() { pump.end(); }
    } ending{*self};
    while (!self->has_ended()) {
        if (clock::now() >= self->over_at()) self->finish_delivery();
        co_await self->take_step();
    }
}

bool output_pump::has_ended() const noexcept {
    return is_stopped_ || is_at_end_ || (progress_.is_left_behind() && !progress_.is_owing());
}

void output_pump::end() {
    if (!is_stopped_) finish_delivery();
    is_stopped_ = true;
    // A terminal's master stays with its owner.
    if (source_->kind() != end_kind::terminal) source_->close();
    tell_progress();
}

void output_pump::finish_delivery() {
    if (is_delivered_) return;
    is_delivered_ = true;
    target_->finish_writing();
    copier_.discard();
    tell_progress();
}

awaitable<void> output_pump::take_step() {
    switch (copy()) {
        case copy_outcome::moved:
            // One buffer a turn: a chatty process must not keep the loop from the others.
            if (copier_.is_discarding()) {
                co_await pause(discard_pause);
            } else {
                co_await asio::post(ex_, as_tuple_awaitable);
            }
            break;
        case copy_outcome::drained:
        case copy_outcome::source_empty:
            progress_.settle();
            co_await source_->wait_until(readiness::readable, over_at());
            break;
        case copy_outcome::source_away:
            progress_.settle();
            if (progress_.has_exited()) finish_delivery();
            co_await pause(until_next_look());
            break;
        case copy_outcome::source_ended:
            co_await target_->settled(over_at());
            is_at_end_ = true;
            break;
        case copy_outcome::target_full:
            if (clock::now() >= progress_.gone_at()) {
                give_up();
            } else {
                co_await target_->wait_until(readiness::writable, progress_.gone_at());
            }
            break;
        case copy_outcome::target_broken:
            drop_the_rest();
            break;
        case copy_outcome::target_away:
        case copy_outcome::no_memory:
            co_await pause(memory_pause);
            break;
    }
}

clock::time_point output_pump::over_at() const noexcept {
    return is_delivered_ ? clock::time_point::max() : progress_.over_at();
}

clock::duration output_pump::until_next_look() const noexcept { return is_delivered_ ? over_pause : away_pause; }

copy_outcome output_pump::copy() {
    auto before = copier_.moved();
    auto outcome = copier_.step();
    auto moved = copier_.moved() - before;
    if (moved == 0) return outcome;
    progress_.moved(clock::now(), moved);
    copier_.traffic().output += moved;
    if (progress_.has_exited()) tell_progress();
    return outcome;
}

awaitable<void> output_pump::pause(clock::duration span) {
    pause_.expires_after(span);
    co_await pause_.async_wait(as_tuple_awaitable);
}

void output_pump::drop_the_rest() {
    copier_.discard();
    progress_.settle();
    tell_progress();
    log_.info("the host's end of an output broke, dropping the rest",
              {{"id", owner_}, {"error", error(copier_.failure())}});
}

void output_pump::give_up() {
    stop();
    log_.info("nobody reads an output of a deleted process, dropping the rest", {{"id", owner_}});
}

void output_pump::exited() {
    bool is_terminal = source_->kind() == end_kind::terminal;
    progress_.exited(clock::now(), copier_.kept() + (is_terminal ? terminal_capacity : source_->pending()));
    tell_progress();
    look_again();
}

awaitable<void> output_pump::drain(clock::time_point latest) {
    auto self = shared_from_this();
    progress_.wait_until(latest);
    tell_progress();
    auto is_worth_waiting = [&] { return !is_stopped_ && !copier_.is_discarding() && clock::now() < hold_.expiry(); };
    while (is_worth_waiting()) co_await hold_.async_wait(as_tuple_awaitable);
}

void output_pump::be_patient_again() {
    progress_.renew(clock::now());
    tell_progress();
}

void output_pump::hurry(clock::duration held) {
    progress_.hurry(held);
    tell_progress();
    look_again();
}

void output_pump::stop() {
    is_stopped_ = true;
    tell_progress();
    look_again();
}

bool output_pump::leave_behind(clock::duration patience) {
    bool is_for_host = target_->kind() == end_kind::socket && !copier_.is_discarding();
    if (is_stopped_ || !is_for_host || !progress_.is_owing()) {
        stop();
        return false;
    }
    progress_.leave_behind(clock::now(), patience);
    look_again();
    return true;
}

// Who drains waits until then; setting it anew wakes them to look.
void output_pump::tell_progress() { hold_.expires_at(progress_.hold_until()); }

// Whatever the pump waits for may have changed.
void output_pump::look_again() {
    source_->poke();
    target_->poke();
    pause_.cancel();
}

}  // namespace vminit::process

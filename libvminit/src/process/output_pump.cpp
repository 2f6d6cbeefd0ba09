#include "process/output_pump.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace vminit::process {

using readiness = stdio_end::readiness;

output_pump::output_pump(executor ex, logger& log, std::string owner, std::shared_ptr<stdio_end> source,
                         std::shared_ptr<stdio_end> target, std::shared_ptr<copy_buffer> buffer, clock::duration held)
    : ex_(ex),
      log_(log),
      owner_(std::move(owner)),
      source_(source),
      target_(target),
      copier_(std::move(source), std::move(target), std::move(buffer)),
      progress_(held),
      changed_(ex) {}

awaitable<void> output_pump::run_on(std::shared_ptr<output_pump> self) {
    while (!self->is_stopped_ && !self->is_at_end_) {
        if (self->progress_.is_over(clock::now())) self->finish_delivery();
        co_await self->take_step();
    }
    if (!self->is_stopped_) self->finish_delivery();
    // A terminal's master stays with its owner.
    if (self->source_->kind() != end_kind::terminal) self->source_->close();
}

void output_pump::finish_delivery() {
    if (is_delivered_) return;
    is_delivered_ = true;
    target_->finish_writing();
    copier_.discard();
    changed_.cancel();
}

awaitable<void> output_pump::take_step() {
    auto moved_before = copier_.moved();
    auto outcome = copier_.step();
    if (copier_.moved() > moved_before) {
        progress_.moved(clock::now(), copier_.moved() - moved_before);
        copier_.traffic().output += copier_.moved() - moved_before;
        if (progress_.has_exited()) changed_.cancel();
    }
    switch (outcome) {
        case copy_outcome::moved:
            // One buffer a turn: a chatty process must not keep the loop from the others.
            co_await asio::post(ex_, as_tuple_awaitable);
            break;
        case copy_outcome::source_empty:
            co_await source_->wait(readiness::readable);
            break;
        case copy_outcome::target_full:
            co_await target_->wait(readiness::writable);
            break;
        case copy_outcome::source_ended:
            is_at_end_ = true;
            break;
        case copy_outcome::target_broken:
            log_.info("the host's end of an output broke, dropping the rest",
                      {{"id", owner_}, {"error", error(copier_.failure())}});
            copier_.discard();
            break;
    }
}

void output_pump::exited() { progress_.exited(clock::now(), copier_.kept() + source_->pending()); }

awaitable<void> output_pump::drain(clock::time_point latest) {
    auto self = shared_from_this();
    while (!is_delivered_ && !is_stopped_) {
        auto now = clock::now();
        auto until = std::min(progress_.hold_exit_until(), latest);
        if (until <= now) break;
        // Setting it wakes whoever else drains; an earlier time does for both.
        if (changed_.expiry() > until || changed_.expiry() <= now) changed_.expires_at(until);
        co_await changed_.async_wait(as_tuple_awaitable);
    }
    // It may be over just now and wait for a byte that no one will write.
    source_->poke();
}

void output_pump::hurry(clock::duration held) {
    progress_.hurry(held);
    changed_.cancel();
}

void output_pump::stop() {
    is_stopped_ = true;
    source_->poke();
    target_->poke();
    changed_.cancel();
}

}  // namespace vminit::process

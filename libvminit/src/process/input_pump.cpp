#include "process/input_pump.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace vminit::process {

using readiness = stdio_end::readiness;

input_pump::input_pump(executor ex, std::shared_ptr<stdio_end> source, std::shared_ptr<stdio_end> target,
                       std::shared_ptr<copy_buffer> buffer, clock::duration late)
    : ex_(ex),
      source_(source),
      target_(target),
      copier_(std::move(source), std::move(target), std::move(buffer)),
      late_(late) {}

awaitable<void> input_pump::run_on(std::shared_ptr<input_pump> self) {
    while (!self->is_at_end_) co_await self->take_step();
    self->source_->close();
    // A terminal's input has no end of its own: the master stays with its owner.
    if (self->target_->kind() != end_kind::terminal) self->target_->close();
    self->has_ended_ = true;
}

awaitable<void> input_pump::take_step() {
    auto moved_before = copier_.moved();
    auto outcome = copier_.step();
    copier_.traffic().input += copier_.moved() - moved_before;
    switch (outcome) {
        case copy_outcome::moved:
            co_await asio::post(ex_, as_tuple_awaitable);
            break;
        case copy_outcome::source_empty:
            co_await await_more();
            break;
        case copy_outcome::target_full:
            co_await target_->wait(readiness::writable);
            break;
        case copy_outcome::source_ended:
        case copy_outcome::target_broken:
            is_at_end_ = true;
            break;
    }
}

awaitable<void> input_pump::await_more() {
    if (!finish_at_) {
        co_await source_->wait(readiness::readable);
    } else if (clock::now() < *finish_at_) {
        co_await source_->wait_until(readiness::readable, *finish_at_);
    } else {
        is_at_end_ = true;
    }
}

void input_pump::finish() {
    if (finish_at_) return;
    finish_at_ = clock::now() + late_;
    source_->poke();
}

void input_pump::stop() {
    is_at_end_ = true;
    source_->poke();
    target_->poke();
}

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#include "vminit/forward/relay.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "forward/socket_end.hpp"

namespace vminit::forward {

using streams::copy_outcome;

struct relay::way {
    way(std::shared_ptr<socket_end> source, std::shared_ptr<socket_end> target,
        std::shared_ptr<streams::copy_buffer> buffer) noexcept
        : from(*source), to(*target), moving(std::move(source), std::move(target), std::move(buffer)) {}

    socket_end& from;
    socket_end& to;
    streams::copier moving;
    bool has_ended = false;  // or nobody wants what it carries
};

relay::relay(executor ex, ttrpc::stream_socket near, ttrpc::stream_socket stream,
             std::shared_ptr<streams::copy_buffer> buffer, end_of_stream ending)
    : ex_(ex),
      near_(std::make_shared<socket_end>(std::move(near))),
      stream_(std::make_shared<socket_end>(std::move(stream))),
      ending_(ending),
      in_(std::make_unique<way>(stream_, near_, buffer)),
      out_(std::make_unique<way>(near_, stream_, std::move(buffer))),
      changed_(ex) {
    near_->send_at_once();
}

relay::~relay() = default;

void relay::start(task_group& tasks) {
    tasks.spawn("forward in", carry(shared_from_this(), *in_));
    tasks.spawn("forward out", carry(shared_from_this(), *out_));
}

awaitable<void> relay::carry(std::shared_ptr<relay> self, way& along) {
    // Also when an exception ends it (no memory): nobody may wait for what comes no more.
    struct at_end {
        relay& owner;
        way& along;
        ~at_end() {
            if (!along.has_ended && !along.moving.is_discarding()) owner.close();
        }
    } ending{*self, along};
    while (!self->is_over_ && !along.has_ended) {
        if (self->is_complete(along)) {
            self->end(along);
        } else {
            co_await self->react(along, along.moving.step());
        }
    }
}

// All that the other side has told of has come.
bool relay::is_complete(const way& along) const noexcept {
    return &along == in_.get() && in_end_ && along.moving.moved() >= *in_end_;
}

awaitable<void> relay::react(way& along, copy_outcome outcome) {
    switch (outcome) {
        case copy_outcome::moved:
            // One buffer a turn: one connection must not keep the loop from the others.
            co_await asio::post(ex_, as_tuple_awaitable);
            break;
        case copy_outcome::drained:
        case copy_outcome::source_empty:
            if (!is_complete(along)) co_await along.from.wait(socket_end::readiness::readable);
            break;
        case copy_outcome::target_full:
            co_await along.to.wait(socket_end::readiness::writable);
            break;
        case copy_outcome::no_memory: {
            timer pause(ex_, memory_pause);
            co_await pause.async_wait(as_tuple_awaitable);
            break;
        }
        case copy_outcome::source_away:
        case copy_outcome::source_ended:
            source_ended(along);
            break;
        case copy_outcome::target_away:
        case copy_outcome::target_broken:
            target_broken(along);
            break;
    }
}

void relay::source_ended(way& along) {
    bool is_cut_short = &along == in_.get() && (in_end_ || (!out_->has_ended && stream_->is_gone()));
    if (is_cut_short) {
        close();
    } else {
        end(along);
    }
}

void relay::target_broken(way& along) {
    if (&along == out_.get()) {
        close();
        return;
    }
    along.moving.discard();
    note_end();
}

void relay::end(way& along) {
    along.has_ended = true;
    if (&along == in_.get() || ending_ == end_of_stream::half_closed) along.to.finish_writing();
    // What has closed both ways takes nothing either.
    if (&along == out_.get() && !in_->has_ended && near_->is_gone()) in_->moving.discard();
    note_end();
}

void relay::note_end() noexcept {
    bool is_in_over = in_->has_ended || in_->moving.is_discarding();
    if (out_->has_ended && is_in_over) {
        is_over_ = true;
        near_->close();
        if (ending_ == end_of_stream::half_closed) stream_->close();
    }
    changed_.notify_all();
}

void relay::in_ends_at(std::uint64_t bytes) {
    in_end_ = bytes;
    // It may wait for bytes that will not come.
    stream_->wake();
}

std::optional<std::uint64_t> relay::out_end() const noexcept {
    if (!out_->has_ended) return std::nullopt;
    return out_->moving.moved();
}

awaitable<void> relay::stream_closed() { return stream_->wait(socket_end::readiness::readable); }

std::uint64_t relay::moved() const noexcept { return in_->moving.moved() + out_->moving.moved(); }

void relay::close() noexcept {
    is_over_ = true;
    near_->close();
    stream_->close();
    changed_.notify_all();
}

}  // namespace vminit::forward

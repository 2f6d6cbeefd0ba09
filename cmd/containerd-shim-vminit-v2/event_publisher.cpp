// SPDX-License-Identifier: Apache-2.0
#include "event_publisher.hpp"

#include "github.com/containerd/containerd/api/services/ttrpc/events/v1/events.ttrpc.hpp"
#include "timestamps.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::shim {

using namespace std::chrono_literals;
namespace events = containerd::services::events::ttrpc::v1;

namespace {

constexpr auto call_limit = 5s;      // containerd's own for this call
constexpr auto retry_interval = 1s;  // while the daemon is away

}  // namespace

google::protobuf::Any pack_event(const google::protobuf::MessageLite& message) {
    google::protobuf::Any packed;
    packed.set_type_url(message.GetTypeName());
    packed.set_value(message.SerializeAsString());
    return packed;
}

event_publisher::event_publisher(asio::io_context& context, std::string ttrpc_address, std::string space)
    : context_(context),
      address_(ttrpc_address.starts_with("unix://") || ttrpc_address.empty() ? std::move(ttrpc_address)
                                                                             : "unix://" + ttrpc_address),
      space_(std::move(space)),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    tasks_.spawn("events to the daemon", forward_all());
}

event_publisher::~event_publisher() { tasks_.stop(); }

void event_publisher::publish(std::string topic, google::protobuf::Any event) {
    auto& envelope = waiting_.emplace_back();
    set_timestamp(*envelope.mutable_timestamp(), wall_now());
    envelope.set_namespace_(space_);
    envelope.set_topic(std::move(topic));
    *envelope.mutable_event() = std::move(event);
    if (waiting_.size() > most_waiting) {
        log_of(context_).error("event dropped: too many wait for the daemon", {{"topic", waiting_.front().topic()}});
        drop_first();
    }
    changed_.notify_all();
}

void event_publisher::drop_first() {
    waiting_.pop_front();
    ++number_of_first_;
}

awaitable<void> event_publisher::forward_all() {
    for (;;) {
        while (waiting_.empty()) co_await changed_.wait();
        // A copy: the first may be dropped for want of room meanwhile.
        auto envelope = waiting_.front();
        auto number = number_of_first_;
        auto sent = co_await forward(envelope);
        bool is_refused = !sent && daemon_ && daemon_->is_open();
        if (is_refused)
            log_of(context_).error("event refused by the daemon",
                                   {{"topic", envelope.topic()}, {"error", sent.error()}});
        if (!sent && !is_refused) {
            daemon_.reset();
            co_await sleep_for(retry_interval);
            continue;
        }
        if (number_of_first_ == number) drop_first();
        changed_.notify_all();
    }
}

awaitable<result<void>> event_publisher::forward(containerd::types::Envelope envelope) {
    if (!daemon_) {
        auto where = ttrpc::address::parse(address_);
        if (!where) co_return where.error();
        auto socket = co_await ttrpc::connect(*where, call_limit);
        if (!socket) co_return socket.error();
        daemon_.emplace(std::move(*socket), log_of(context_));
    }
    events::ForwardRequest request;
    *request.mutable_envelope() = std::move(envelope);
    events::EventsClient daemon(*daemon_);
    auto answered = co_await daemon.Forward(std::move(request), ttrpc::call_options(call_limit));
    if (!answered) co_return answered.error();
    co_return result<void>();
}

awaitable<result<void>> event_publisher::emptied() {
    while (!waiting_.empty()) {
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
        co_await changed_.wait();
    }
    co_return result<void>();
}

awaitable<void> event_publisher::flush(clock::duration limit) {
    auto done = co_await with_timeout(emptied(), limit, "events to the daemon");
    if (!done) log_of(context_).warn("events not told to the daemon", {{"count", waiting_.size()}});
}

}  // namespace vminit::shim

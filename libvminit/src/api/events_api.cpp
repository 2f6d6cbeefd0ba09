// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/events_api.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "event_messages.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/events/exchange_service.hpp"

namespace vminit::api {

namespace {

namespace wire = spinbox::services::vmevents::v1;
using envelope_writer = ttrpc::writer<containerd::types::Envelope>;
using request_reader = ttrpc::reader<wire::StreamRequest>;

// A client that has said that it will send something gets this long to say how it wants its events. They are kept for it
// meanwhile; one that sends nothing is a plain subscriber.
constexpr clock::duration first_request_time = std::chrono::milliseconds(100);

struct event_stream {
    event_stream(events::subscription place, executor ex) : subscription(std::move(place)), changed(ex) {}

    events::subscription subscription;
    bool is_asked = false;  // its first request has come, or none will
    condition changed;
};

/// Sends events until the subscriber is cut off or the exchange closes. An event counts as sent once the kernel has it;
/// whatever stops this earlier gives the event back to the exchange.
awaitable<result<void>> deliver(event_stream& stream, envelope_writer& output, clock::duration grace) {
    using namespace asio::experimental::awaitable_operators;
    auto until = clock::now() + grace;
    for (auto now = clock::now(); !stream.is_asked && now < until; now = clock::now()) {
        co_await (stream.changed.wait() || sleep_for(until - now));
    }
    for (;;) {
        auto event = co_await stream.subscription.next();
        if (!event) {
            // Power-off is a clean end of the stream, not a failure of it.
            if (event.error().kind() == errc::unavailable) co_return result<void>();
            co_return event.error();
        }
        auto message = to_message(**event);
        auto written = co_await output.write(message);
        if (written) written = co_await output.flushed();
        if (!written) {
            stream.subscription.requeue(std::move(*event));
            co_return written.error();
        }
    }
}

/// Takes what the host sends, the first as the options of its subscription, the rest as acknowledgements; after its
/// half-close waits to be cancelled, since the stream goes on.
awaitable<result<void>> take_requests(event_stream& stream, request_reader& input) {
    for (bool is_first = true;; is_first = false) {
        auto request = co_await input.read();
        if (!request) co_return request.error();
        if (!*request) break;
        const auto& asked = **request;
        if (is_first) {
            events::subscribe_options options(asked.after_sequence(), asked.acknowledge(), asked.observe());
            if (options.is_numbered() || options.observe) stream.subscription.refine(options);
            stream.is_asked = true;
            stream.changed.notify_all();
        } else {
            stream.subscription.acknowledge(asked.after_sequence());
        }
    }
    stream.is_asked = true;
    stream.changed.notify_all();
    auto ex = co_await asio::this_coro::executor;
    timer never(ex, clock::time_point::max());
    co_await never.async_wait(use_awaitable);
    co_return result<void>();
}

class events_api final : public wire::EventsService {
public:
    explicit events_api(asio::io_context& context)
        : exchange_(asio::use_service<events::exchange_service>(context)), ex_(context.get_executor()) {}

    awaitable<result<void>> Stream(ttrpc::call_context& call, request_reader& input, envelope_writer& output) override {
        using namespace asio::experimental::awaitable_operators;
        event_stream stream(exchange_.subscribe(), ex_);
        auto grace = call.announces_input() ? first_request_time : clock::duration::zero();
        // In this order: a request that is there already is looked at before anything is sent.
        auto ended = co_await (take_requests(stream, input) || deliver(stream, output, grace));
        co_return ended.index() == 0 ? std::get<0>(ended) : std::get<1>(ended);
    }

private:
    events::exchange_service& exchange_;
    executor ex_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_events_api(asio::io_context& context) {
    return std::make_shared<events_api>(context);
}

}  // namespace vminit::api

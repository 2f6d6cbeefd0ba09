#include "vminit/api/events_api.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "event_messages.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/events/exchange_service.hpp"

namespace vminit::api {

namespace {

namespace wire = spinbox::services::vmevents::v1;
using envelope_writer = ttrpc::writer<containerd::types::Envelope>;
using request_reader = ttrpc::reader<wire::StreamRequest>;

/// Sends events until the subscriber is cut off or the exchange closes. An event counts as sent once the kernel has it;
/// whatever stops this earlier gives the event back to the exchange.
awaitable<result<void>> deliver(events::subscription& subscription, envelope_writer& output) {
    for (;;) {
        auto event = co_await subscription.next();
        if (!event) {
            // Power-off is a clean end of the stream, not a failure of it.
            if (event.error().kind() == errc::unavailable) co_return result<void>();
            co_return event.error();
        }
        auto message = to_message(**event);
        auto written = co_await output.write(message);
        if (written) written = co_await output.flushed();
        if (!written) {
            subscription.requeue(std::move(*event));
            co_return written.error();
        }
    }
}

/// Takes acknowledgements for as long as the host sends them; after its half-close waits to be cancelled, since the
/// stream goes on.
awaitable<result<void>> take_acknowledgements(events::subscription& subscription, request_reader& input) {
    for (;;) {
        auto request = co_await input.read();
        if (!request) co_return request.error();
        if (!*request) break;
        subscription.acknowledge((*request)->after_sequence());
    }
    auto ex = co_await asio::this_coro::executor;
    timer never(ex, clock::time_point::max());
    co_await never.async_wait(use_awaitable);
    co_return result<void>();
}

class events_api final : public wire::EventsService {
public:
    explicit events_api(asio::io_context& context) : exchange_(asio::use_service<events::exchange_service>(context)) {}

    awaitable<result<void>> Stream(ttrpc::call_context&, request_reader& input, envelope_writer& output) override {
        using namespace asio::experimental::awaitable_operators;
        auto first = co_await input.read();
        if (!first) co_return first.error();
        auto options = events::subscribe_options();
        if (*first) options = events::subscribe_options((*first)->after_sequence(), (*first)->acknowledge());
        auto subscription = exchange_.subscribe(options);
        if (!*first) co_return co_await deliver(subscription, output);
        auto ended = co_await (deliver(subscription, output) || take_acknowledgements(subscription, input));
        co_return ended.index() == 0 ? std::get<0>(ended) : std::get<1>(ended);
    }

private:
    events::exchange_service& exchange_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_events_api(asio::io_context& context) {
    return std::make_shared<events_api>(context);
}

}  // namespace vminit::api

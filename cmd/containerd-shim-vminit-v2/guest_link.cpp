// SPDX-License-Identifier: Apache-2.0
#include "guest_link.hpp"

#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::shim {

using namespace std::chrono_literals;
namespace vmevents = spinbox::services::vmevents::v1;

namespace {

constexpr auto connect_limit = 10s;
constexpr auto reconnect_interval =
    100ms;  // a VM that lives answers at once; one that does not ends the link by its end

}  // namespace

guest_link::guest_link(asio::io_context& context, ttrpc::address rpc, event_hook on_event)
    : context_(context),
      rpc_(std::move(rpc)),
      on_event_(std::move(on_event)),
      tasks_(context.get_executor(), log_of(context)) {}

awaitable<result<void>> guest_link::open_connection() {
    auto socket = co_await ttrpc::connect(rpc_, connect_limit);
    if (!socket) co_return socket.error();
    client_ = std::make_shared<ttrpc::client>(std::move(*socket), log_of(context_));
    co_return result<void>();
}

awaitable<result<void>> guest_link::connect() {
    auto opened = co_await open_connection();
    if (!opened) co_return opened;
    tasks_.spawn("guest's events", follow_events());
    co_return result<void>();
}

result<guest_link::calls> guest_link::connected() const {
    if (client_ && client_->is_open()) return calls{client_};
    return error(errc::unavailable, "the guest does not answer");
}

awaitable<void> guest_link::follow_events() {
    for (;;) {
        co_await read_events(client_);
        if (is_end_expected_) co_return;
        log_of(context_).warn("connection to the guest lost, trying again");
        for (;;) {
            co_await sleep_for(reconnect_interval);
            auto opened = co_await open_connection();
            if (opened) break;
        }
    }
}

awaitable<void> guest_link::read_events(std::shared_ptr<ttrpc::client> connection) {
    vmevents::EventsClient events(*connection);
    auto stream = events.Stream(ttrpc::call_options());
    if (!stream) co_return;
    vmevents::StreamRequest request;
    request.set_after_sequence(last_event_);
    request.set_acknowledge(true);
    auto asked = co_await stream->write(request);
    while (asked) {
        auto envelope = co_await stream->read();
        if (!envelope || !*envelope) co_return;
        auto number = (*envelope)->sequence();
        bool is_new = number == 0 || number > last_event_;
        if (is_new) last_event_ = number;
        if (is_new) on_event_(std::move(**envelope));
        vmevents::StreamRequest acknowledged;
        acknowledged.set_after_sequence(number);
        asked = co_await stream->write(acknowledged);
    }
}

void guest_link::close() {
    tasks_.stop();
    if (client_) client_->close();
}

awaitable<void> guest_link::end() {
    close();
    co_await tasks_.join();
}

}  // namespace vminit::shim

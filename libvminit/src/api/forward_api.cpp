// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/forward_api.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <limits>
#include <utility>

#include "vminit/core/clock.hpp"
#include "vminit/forward/forward_service.hpp"
#include "vminit/forward/v1/forward.ttrpc.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/streams/stream_service.hpp"

namespace vminit::api {

namespace {

namespace wire = vminit::forward::v1;
using forward::relay;
using request_reader = ttrpc::reader<wire::ConnectRequest>;
using end_writer = ttrpc::writer<wire::Written>;

result<forward::place> to_place(const wire::Place& message) {
    forward::place place;
    place.path = message.path();
    if (!place.path.empty()) {
        if (message.port() != 0 || !message.address().empty()) {
            return error(errc::invalid_argument, "a place has a port or a path, not both");
        }
        bool is_path = place.path.front() == '/' && place.path.find('\0') == std::string::npos;
        if (!is_path) return error(errc::invalid_argument, "the path of a place must be absolute");
        return place;
    }
    if (message.port() == 0 || message.port() > std::numeric_limits<std::uint16_t>::max()) {
        return error(errc::invalid_argument, "a place needs a path, or a port from 1 to 65535");
    }
    place.port = static_cast<std::uint16_t>(message.port());
    place.address = message.address().empty() ? "127.0.0.1" : message.address();
    if (auto name = place.name(); !name) return name.error();
    return place;
}

/// Takes the host's word for its last byte, and then waits to be cancelled: the connection goes on.
awaitable<result<void>> take_end(relay& link, request_reader& input) {
    auto request = co_await input.read();
    if (!request) co_return request.error();
    if (*request) link.in_ends_at((*request)->written());
    auto ex = co_await asio::this_coro::executor;
    timer never(ex, clock::time_point::max());
    co_await never.async_wait(use_awaitable);
    co_return result<void>();
}

/// Until the connection is over, and the host has all of it.
awaitable<result<void>> tell_end(relay& link, end_writer& output) {
    bool is_told = false;
    for (;;) {
        auto end = link.out_end();
        if (end && !std::exchange(is_told, true)) {
            wire::Written message;
            message.set_bytes(*end);
            auto written = co_await output.write(message);
            if (!written) co_return written.error();
        }
        if (link.is_over()) break;
        bool goes_on = co_await link.changed();
        if (!goes_on) co_return error(errc::cancelled, "forward");
    }
    if (is_told) co_await link.stream_closed();
    co_return result<void>();
}

class forward_api final : public wire::ForwardService {
public:
    explicit forward_api(asio::io_context& context)
        : processes_(asio::use_service<process::process_service>(context)),
          streams_(asio::use_service<streams::stream_service>(context)),
          forwards_(asio::use_service<forward::forward_service>(context)) {}

    awaitable<result<void>> Connect(ttrpc::call_context&, request_reader& input, end_writer& output) override {
        using namespace asio::experimental::awaitable_operators;
        auto request = co_await input.read();
        if (!request) co_return request.error();
        if (!*request) co_return error(errc::invalid_argument, "no request");
        auto link = co_await open(std::move(**request));
        if (!link) co_return link.error();
        if (!*link) co_return result<void>();
        struct closed_at_end {
            relay& link;
            ~closed_at_end() { link.close(); }
        } closing{**link};
        wire::Written nothing;
        auto written = co_await output.write(nothing);
        if (!written) co_return written.error();
        auto ended = co_await (take_end(**link, input) || tell_end(**link, output));
        co_return ended.index() == 0 ? std::get<0>(ended) : std::get<1>(ended);
    }

    awaitable<result<void>> Listen(ttrpc::call_context&, wire::Place request,
                                   ttrpc::writer<wire::Incoming>& output) override {
        auto at = to_place(request);
        if (!at) co_return at.error();
        auto in = surroundings_of(request.id());
        if (!in) co_return in.error();
        auto gate = co_await forwards_.listen(request.id(), std::move(*at), std::move(*in));
        if (!gate) co_return gate.error();
        end_with(request.id());
        wire::Incoming message;
        for (;;) {
            auto written = co_await output.write(message);
            if (!written) co_return written.error();
            auto number = co_await (*gate)->accept();
            if (!number) co_return number.error();
            message.set_connection(*number);
        }
    }

private:
    /// Null: there is nothing to carry.
    awaitable<result<std::shared_ptr<relay>>> open(wire::ConnectRequest request) {
        if (!request.has_to() && request.stream().empty()) {
            forwards_.refuse(request.incoming());
            co_return std::shared_ptr<relay>();
        }
        // Claimed whatever comes: a stream of a connection that fails goes with it.
        auto stream = streams_.claim(request.stream());
        if (!stream) co_return stream.error();
        if (!request.has_to()) co_return forwards_.take(request.incoming(), std::move(*stream));
        auto to = to_place(request.to());
        if (!to) co_return to.error();
        auto in = surroundings_of(request.to().id());
        if (!in) co_return in.error();
        auto link = co_await forwards_.connect(request.to().id(), std::move(*to), std::move(*in), std::move(*stream));
        if (link) end_with(request.to().id());
        co_return link;
    }

    result<forward::surroundings> surroundings_of(const std::string& id) const {
        auto proc = processes_.proc_path(id);
        if (!proc) return proc.error();
        forward::surroundings in;
        in.net = *proc + "/ns/net";
        in.root = *proc + "/root";
        in.socket_mode = 0666;  // for all in the container, whoever they are
        in.check = [&processes = processes_, id, before = *proc]() -> result<void> {
            auto now = processes.proc_path(id);
            if (now && *now == before) return {};
            return error(errc::failed_precondition, "container " + id + " has ended");
        };
        return in;
    }

    void end_with(const std::string& id) { forwards_.end_after(id, exit_of(processes_, id)); }

    static awaitable<void> exit_of(process::process_service& processes, std::string id) {
        (void)co_await processes.wait(std::move(id), std::string());
    }

    process::process_service& processes_;
    streams::stream_service& streams_;
    forward::forward_service& forwards_;
};

}  // namespace

std::shared_ptr<ttrpc::service_base> make_forward_api(asio::io_context& context) {
    return std::make_shared<forward_api>(context);
}

}  // namespace vminit::api

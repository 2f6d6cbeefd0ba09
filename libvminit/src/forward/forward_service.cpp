// SPDX-License-Identifier: Apache-2.0
#include "vminit/forward/forward_service.hpp"

#include <utility>

#include "forward/forward_core.hpp"

namespace vminit::forward {

forward_service::forward_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      core_(std::make_shared<forward_core>(static_cast<asio::io_context&>(context))) {}

forward_service::~forward_service() = default;

void forward_service::shutdown() noexcept {
    core_->close();
    core_->tasks.reset();
}

awaitable<result<std::shared_ptr<relay>>> forward_service::connect(std::string owner, place to, surroundings in,
                                                                   ttrpc::stream_socket stream) {
    auto core = core_;
    if (auto room = core->room_for_connection(); !room) co_return room.error();
    auto near = co_await core->open(std::move(to), std::move(in));
    if (!near) co_return near.error();
    co_return core->carry(std::move(owner), std::move(*near), std::move(stream), end_of_stream::told);
}

awaitable<result<std::shared_ptr<gate>>> forward_service::listen(std::string owner, place at, surroundings in) {
    auto core = core_;
    static_assert(max_gates == 32);
    if (core->is_closed) co_return error(errc::unavailable, "forwards are closed");
    if (core->gates.size() + core->opening >= max_gates) {
        co_return error(errc::resource_exhausted, "32 forwards listen already");
    }
    auto socket = co_await core->open_gate(at, in);
    if (!socket) co_return socket.error();
    co_return std::make_shared<gate>(core, std::move(owner), std::move(at), std::move(in), std::move(*socket));
}

result<std::shared_ptr<relay>> forward_service::take(std::uint64_t number, ttrpc::stream_socket stream,
                                                     end_of_stream ending) {
    auto arrived = core_->arrivals.extract(number);
    if (!arrived) return error(errc::not_found, "no connection " + std::to_string(number) + " waits");
    core_->changed.notify_all();
    return core_->carry(std::move(arrived.mapped().owner), std::move(arrived.mapped().socket), std::move(stream),
                        ending);
}

void forward_service::refuse(std::uint64_t number) {
    core_->arrivals.erase(number);
    core_->changed.notify_all();
}

void forward_service::end(const std::string& owner) { core_->end(owner); }

void forward_service::end_after(const std::string& owner, awaitable<void> ending) {
    if (core_->is_closed || !core_->watched.insert(owner).second) return;
    core_->tasks->spawn("forward owner", forward_core::end_when(core_, owner, std::move(ending)));
}

void forward_service::close() { core_->close(); }

forward_counters forward_service::counters() const noexcept {
    forward_counters now;
    now.connections = core_->connections();
    now.gates = core_->gates.size();
    now.refused = core_->refused;
    return now;
}

}  // namespace vminit::forward

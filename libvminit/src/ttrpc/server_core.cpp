// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/server_core.hpp"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>

#include "ttrpc/server_connection.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::ttrpc {

namespace {

executor executor_of(asio::execution_context& context) { return static_cast<asio::io_context&>(context).get_executor(); }

// protobuf writes a line to standard error for every string that is not UTF-8: a peer could make the loop wait for who
// reads that. The call that fails of it is answered with the reason. Once a program, so that a handler of the program's
// own, set after its first server, stays.
void silence_protobuf() {
    [[maybe_unused]] static auto* const replaced = google::protobuf::SetLogHandler(nullptr);
}

}  // namespace

server_core::server_core(asio::execution_context& context, server_limits limits)
    : ex_(executor_of(context)),
      log_(log_of(context)),
      meter_(asio::use_service<loop_meter>(context)),
      limits_(limits),
      all_requests_(limits.request_bytes),
      all_frames_(limits.frame_bytes),
      all_input_(limits.input_bytes),
      all_output_(limits.output_bytes),
      deadlines_(ex_),
      changed_(ex_),
      tasks_(std::in_place, ex_, log_) {
    silence_protobuf();
}

server_core::~server_core() = default;

result<void> server_core::listen(address where, listen_options options) {
    if (is_draining_) return error(errc::unavailable, "listen on " + where.to_string());
    return accept_on(listener::open(ex_, std::move(where), std::move(options)));
}

result<void> server_core::listen(unique_fd socket, address where, listen_options options) {
    if (is_draining_) return error(errc::unavailable, "listen on " + where.to_string());
    return accept_on(listener::adopt(ex_, std::move(socket), std::move(where), std::move(options)));
}

result<void> server_core::accept_on(result<listener> opened) {
    if (!opened) return opened.error();
    listeners_.push_back(std::move(*opened));
    tasks_->spawn("ttrpc accept", accept_loop(std::prev(listeners_.end())));
    return {};
}

awaitable<void> server_core::accept_loop(std::list<listener>::iterator from) {
    for (;;) {
        while (connections_.size() >= limits_.connections) co_await changed_.wait();
        auto incoming = co_await from->accept();
        if (!incoming) {
            bool is_expected = incoming.error().kind() == errc::cancelled;
            if (!is_expected) log_.error("ttrpc listener failed", {{"error", incoming.error()}});
            co_return;
        }
        admit(std::move(*incoming));
    }
}

// What goes wrong with one connection must not end the loop that takes the next.
void server_core::admit(accepted incoming) {
    try {
        if (auto hook = std::exchange(first_accept, nullptr)) hook();
        serve(std::move(incoming.socket), incoming.peer);
    } catch (const std::exception& thrown) {
        log_.error("ttrpc connection lost at accept", {{"error", thrown.what()}});
    }
}

void server_core::serve(stream_socket socket, peer_identity peer) {
    if (is_draining_) return;
    ++counts_.accepted;
    auto connection = std::make_shared<server_connection>(std::move(socket), peer, *this);
    connections_.insert(connection);
    tasks_->spawn("ttrpc reader", connection->read_frames(connection, scratch_));
}

void server_core::connection_closed(server_connection& connection, const error_code& why) noexcept {
    if (log_.is_enabled(log_level::debug)) {
        log_.debug("ttrpc connection closed", {{"peer", connection.peer().describe()}, {"reason", why.message()}});
    }
    auto same = [&](const auto& held) { return held.get() == &connection; };
    auto held = std::find_if(connections_.begin(), connections_.end(), same);
    if (held != connections_.end()) connections_.erase(held);
    changed_.notify_all();
}

bool server_core::has_room_for_call(std::size_t request_bytes) const noexcept {
    return counts_.calls < limits_.calls && all_requests_.fits(request_bytes);
}

void server_core::call_began(std::size_t request_bytes) noexcept {
    ++counts_.calls;
    all_requests_.take(request_bytes);
}

void server_core::call_ended(std::size_t request_bytes) noexcept {
    --counts_.calls;
    all_requests_.give(request_bytes);
}

awaitable<result<void>> server_core::drain(clock::duration limit) {
    is_draining_ = true;
    for (auto& listening : listeners_) listening.close();
    // Closing takes a connection out of the set.
    auto open = connections_;
    for (const auto& connection : open) connection->close_if_idle();
    co_return co_await with_timeout(wait_until_empty(), limit, "ttrpc shutdown");
}

awaitable<result<void>> server_core::wait_until_empty() {
    while (!connections_.empty()) {
        bool goes_on = co_await changed_.wait();
        if (!goes_on) co_return error(errc::cancelled);
    }
    co_return result<void>();
}

void server_core::close() {
    is_draining_ = true;
    for (auto& listening : listeners_) listening.close();
    auto open = connections_;
    for (const auto& connection : open) connection->close(asio::error::operation_aborted);
    deadlines_.stop();
}

void server_core::drop() noexcept {
    tasks_.reset();
    for (const auto& connection : connections_) connection->drop();
    connections_.clear();
    listeners_.clear();
    deadlines_.stop();
    registry_.clear();
    first_accept = nullptr;
}

std::vector<method_metrics> server_core::metrics() const {
    registry_.forget_ages();
    for (const auto& connection : connections_) connection->note_ages();
    return registry_.metrics();
}

server_counters server_core::counters() const noexcept {
    auto counts = counts_;
    counts.connections = connections_.size();
    for (const auto& listening : listeners_) {
        counts.refused_peers += listening.counters().refused;
        counts.accept_backoffs += listening.counters().backed_off;
    }
    return counts;
}

}  // namespace vminit::ttrpc

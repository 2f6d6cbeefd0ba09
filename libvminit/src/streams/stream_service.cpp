// SPDX-License-Identifier: Apache-2.0
#include "vminit/streams/stream_service.hpp"

#include <list>
#include <string>
#include <utility>

#include "streams/greeting.hpp"
#include "streams/stream_registry.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::streams {

// Shared with the running coroutines, which end after the service when the context goes down.
struct stream_service::core : std::enable_shared_from_this<core> {
    core(executor context_executor, logger& where, stream_handshake wanted)
        : ex(context_executor),
          log(where),
          handshake(wanted),
          tasks(std::make_unique<task_group>(context_executor, where)) {}

    result<void> open_registry() {
        if (registry) return {};
        auto watch = break_watch::open(ex);
        if (!watch) return watch.error();
        registry.emplace(max_unclaimed, std::move(*watch));
        tasks->spawn("broken streams", drop_broken(shared_from_this()));
        return {};
    }

    static awaitable<void> drop_broken(std::shared_ptr<core> self) {
        for (;;) {
            bool is_told = co_await self->registry->wait_for_break();
            if (!is_told || self->is_closed) co_return;
            auto dropped = self->registry->drop_broken();
            self->counters.dropped += dropped;
            if (dropped == 0) continue;
            self->log.info("unclaimed streams broke", {{"count", dropped}});
        }
    }

    static awaitable<void> accept(std::shared_ptr<core> self, ttrpc::listener& listener) {
        for (;;) {
            auto connection = co_await listener.accept();
            if (!connection) {
                if (connection.error().kind() != errc::cancelled) {
                    self->log.error("stream port failed", {{"error", connection.error()}});
                }
                co_return;
            }
            ++self->counters.accepted;
            if (self->counters.handshakes >= max_handshakes) {
                ++self->counters.refused;
                continue;
            }
            ++self->counters.handshakes;
            self->tasks->spawn("stream handshake", shake_hands(self, std::move(connection->socket)));
        }
    }

    static awaitable<void> shake_hands(std::shared_ptr<core> self, ttrpc::stream_socket accepted) {
        auto socket = std::make_shared<ttrpc::stream_socket>(std::move(accepted));
        // A timer that ends the reading: `with_timeout` would throw in the loser, for each stream there ever is.
        timer limit(self->ex, handshake_limit);
        limit.async_wait([weak = std::weak_ptr(socket)](error_code failure) {
            auto silent = weak.lock();
            if (!failure && silent) silent->cancel(failure);
        });
        auto said = co_await read_greeting(*socket, self->handshake);
        if (!said && limit.expiry() <= clock::now()) said = error(errc::deadline_exceeded, "stream handshake");
        --self->counters.handshakes;
        auto registered = said ? self->enter(*said, std::move(*socket)) : result<void>(said.error());
        if (registered) co_return;
        ++self->counters.refused;
        self->log.info("stream refused", {{"error", registered.error()}});
    }

    // Registered before it is echoed, because the host may name it as soon as it has the echo; and with no suspension
    // between, so that nobody claims it while we write.
    result<void> enter(const greeting& said, ttrpc::stream_socket socket) {
        if (is_closed) return error(errc::unavailable, "streams are closed");
        if (registry->contains(said.name)) {
            error_code ignored;
            auto refusal = refusal_of(said.name, handshake);
            if (!refusal.empty()) socket.write_some(asio::buffer(refusal), ignored);
        }
        auto added = registry->add(said.name, std::move(socket));
        if (!added) return added.error();
        if (!registry->write(said.name, said.echo)) {
            registry->take(said.name);
            return error(errc::unavailable, "stream " + said.name + ": the echo cannot be sent");
        }
        ++counters.registered;
        return {};
    }

    void close() noexcept {
        if (std::exchange(is_closed, true)) return;
        for (auto& listener : listeners) listener.close();
        if (registry) registry->clear();
        tasks->stop();
    }

    executor ex;
    logger& log;
    stream_handshake handshake;
    std::unique_ptr<task_group> tasks;
    std::list<ttrpc::listener> listeners;  // a list: accepting tasks hold references
    std::optional<stream_registry> registry;
    stream_counters counters;
    bool is_closed = false;
};

stream_service::stream_service(asio::execution_context& context) : stream_service(context, host_dialect()) {}

stream_service::stream_service(asio::execution_context& context, const host_dialect& dialect)
    : asio::execution_context::service(context),
      core_(std::make_shared<core>(static_cast<asio::io_context&>(context).get_executor(), log_of(context),
                                   dialect.handshake)) {}

stream_service::~stream_service() = default;

void stream_service::shutdown() noexcept {
    core_->close();
    // Asio's own services may be younger than this one, and then go before it.
    core_->listeners.clear();
    core_->registry.reset();
    core_->tasks.reset();
}

result<void> stream_service::listen(ttrpc::address where, ttrpc::listen_options options) {
    if (core_->is_closed) return error(errc::unavailable, "streams are closed");
    if (auto opened = core_->open_registry(); !opened) return opened.error();
    auto opened = ttrpc::listener::open(core_->ex, std::move(where), std::move(options));
    if (!opened) return opened.error();
    core_->listeners.push_back(std::move(*opened));
    core_->tasks->spawn("stream port", core::accept(core_, core_->listeners.back()));
    return {};
}

result<ttrpc::stream_socket> stream_service::claim(std::string_view name) {
    std::optional<ttrpc::stream_socket> socket;
    if (core_->registry && !core_->is_closed) socket = core_->registry->take(name);
    if (!socket) return error(errc::not_found, "unable to get stream " + std::string(name));
    ++core_->counters.claimed;
    return std::move(*socket);
}

result<void> stream_service::add(std::string name, ttrpc::stream_socket socket) {
    if (core_->is_closed) return error(errc::unavailable, "streams are closed");
    if (auto opened = core_->open_registry(); !opened) return opened.error();
    auto added = core_->registry->add(std::move(name), std::move(socket));
    if (added) ++core_->counters.registered;
    return added;
}

void stream_service::close() { core_->close(); }

stream_counters stream_service::counters() const noexcept {
    auto now = core_->counters;
    now.unclaimed = core_->registry ? core_->registry->size() : 0;
    for (const auto& listening : core_->listeners) now.refused += listening.counters().refused;
    return now;
}

}  // namespace vminit::streams

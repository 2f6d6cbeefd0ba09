// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/server_service.hpp"

#include "ttrpc/server_core.hpp"

namespace vminit::ttrpc {

server_service::server_service(asio::execution_context& context) : server_service(context, server_limits()) {}

server_service::server_service(asio::execution_context& context, server_limits limits)
    : asio::execution_context::service(context), core_(std::make_shared<server_core>(context, limits)) {}

server_service::~server_service() = default;

void server_service::add(std::shared_ptr<service_base> service) {
    std::string name(service->full_name());
    core_->add(std::move(service), std::move(name));
}

void server_service::add(std::shared_ptr<service_base> service, std::string alias) {
    core_->add(std::move(service), std::move(alias));
}

result<void> server_service::listen(address where, listen_options options) {
    return core_->listen(std::move(where), std::move(options));
}

result<void> server_service::listen(unique_fd socket, address where, listen_options options) {
    return core_->listen(std::move(socket), std::move(where), std::move(options));
}

void server_service::serve(stream_socket socket, peer_identity peer) { core_->serve(std::move(socket), peer); }

void server_service::on_first_accept(std::function<void()> hook) { core_->first_accept = std::move(hook); }

awaitable<result<void>> server_service::shutdown(clock::duration limit) { return core_->drain(limit); }

void server_service::close() { core_->close(); }

awaitable<void> server_service::join() { return core_->join(); }

server_counters server_service::counters() const noexcept { return core_->counters(); }

std::vector<method_metrics> server_service::metrics() const { return core_->metrics(); }

std::vector<std::string> server_service::service_names() const { return core_->registry().names(); }

std::size_t server_service::service_count() const noexcept { return core_->registry().size(); }

const server_limits& server_service::limits() const noexcept { return core_->limits(); }

void server_service::shutdown() noexcept { core_->drop(); }

}  // namespace vminit::ttrpc

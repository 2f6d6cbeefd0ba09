// SPDX-License-Identifier: Apache-2.0
#include "machine_messages.hpp"

#include <chrono>

#include "message_fields.hpp"
#include "vminit/core/utf8.hpp"

namespace vminit::api {

namespace wire = vminit::system::v1;

namespace {

constexpr std::size_t longest_word = 256;  // of a resolv.conf, which an image may have brought
static_assert(static_cast<int>(system::network_action::set_dns) == wire::NetworkRequest::SET_DNS);

void set_figures(wire::MemoryFigures& target, const system::memory_figures& figures) {
    target.set_free(figures.free);
    target.set_available(figures.available);
    target.set_cached(figures.cached);
}

}  // namespace

system::clock_change from_message(const wire::ClockRequest& message) {
    system::clock_change change;
    if (message.has_step_ns()) change.step = std::chrono::nanoseconds(message.step_ns());
    if (message.has_slew_ns()) change.slew = std::chrono::nanoseconds(message.slew_ns());
    return change;
}

wire::ClockResponse to_message(const system::clock_state& state) {
    wire::ClockResponse response;
    set_timestamp(*response.mutable_now(), state.now);
    response.set_slewing_ns(state.slewing.count());
    response.set_synchronized(state.is_synchronized);
    response.set_source(state.source);
    for (const auto& source : state.sources) response.add_sources(source);
    for (const auto& device : state.devices) {
        auto& told = *response.add_devices();
        told.set_name(device.name);
        told.set_description(device.description);
        told.set_ahead_ns(device.ahead.count());
        told.set_problem(device.problem);
    }
    return response;
}

result<system::network_change> from_message(const wire::NetworkRequest& message) {
    if (!wire::NetworkRequest::Action_IsValid(message.action())) {
        return error(errc::invalid_argument, "action " + std::to_string(message.action()) + " on a network");
    }
    system::network_request request;
    request.action = static_cast<system::network_action>(message.action());
    request.device = message.device();
    request.address = message.address();
    request.gateway = message.gateway();
    request.is_onlink = message.onlink();
    request.name_servers.assign(message.name_servers().begin(), message.name_servers().end());
    request.search.assign(message.search().begin(), message.search().end());
    return system::parse_network_change(request);
}

wire::NetworkResponse to_message(const system::network_state& state) {
    wire::NetworkResponse response;
    for (const auto& link : state.links) {
        auto& told = *response.add_links();
        told.set_index(link.index);
        told.set_name(link.name);
        told.set_hardware_address(link.hardware_address);
        told.set_mtu(link.mtu);
        told.set_up(link.is_up);
        for (const auto& address : link.addresses) told.add_addresses(address);
    }
    for (const auto& route : state.routes) {
        auto& told = *response.add_routes();
        told.set_network(route.network);
        told.set_gateway(route.gateway);
        told.set_device(route.device);
        told.set_metric(route.metric);
    }
    for (const auto& server : state.name_servers) response.add_name_servers(as_utf8(server, longest_word));
    for (const auto& domain : state.search) response.add_search(as_utf8(domain, longest_word));
    return response;
}

wire::ReclaimResponse to_message(const system::reclaim_outcome& outcome) {
    wire::ReclaimResponse response;
    set_figures(*response.mutable_before(), outcome.before);
    set_figures(*response.mutable_after(), outcome.after);
    response.set_container_before(outcome.cgroup_before);
    response.set_container_after(outcome.cgroup_after);
    response.set_stopped(!outcome.is_whole);
    for (const auto& remark : outcome.remarks) response.add_remarks(remark);
    return response;
}

}  // namespace vminit::api

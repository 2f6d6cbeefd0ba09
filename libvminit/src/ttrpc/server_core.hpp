// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <span>

#include "ttrpc/byte_budget.hpp"
#include "ttrpc/deadline_queue.hpp"
#include "ttrpc/method_registry.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/loop_meter.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::ttrpc {

class server_connection;

/// What the connections and calls of one server share.
class server_core {
public:
    server_core(asio::execution_context& context, server_limits limits);
    ~server_core();

    void add(std::shared_ptr<service_base> service, std::string name) { registry_.add(std::move(service), std::move(name)); }
    result<void> listen(address where, listen_options options);
    result<void> listen(unique_fd socket, address where, listen_options options);
    void serve(stream_socket socket, peer_identity peer);
    awaitable<result<void>> drain(clock::duration limit);
    void close();
    awaitable<void> join() { return tasks_->join(); }

    /// For a context that goes down: lets go of everything while the services of Asio still exist.
    void drop() noexcept;

    server_counters counters() const noexcept;
    std::vector<method_metrics> metrics() const;

    // For connections and calls.

    const method_registry& registry() const noexcept { return registry_; }
    executor get_executor() const noexcept { return ex_; }
    const server_limits& limits() const noexcept { return limits_; }
    deadline_queue& deadlines() noexcept { return deadlines_; }
    task_group& tasks() noexcept { return *tasks_; }
    bool is_draining() const noexcept { return is_draining_; }
    server_counters& counts() noexcept { return counts_; }
    loop_meter& meter() noexcept { return meter_; }
    byte_budget& all_requests() noexcept { return all_requests_; }
    byte_budget& all_frames() noexcept { return all_frames_; }
    byte_budget& all_input() noexcept { return all_input_; }
    byte_budget& all_output() noexcept { return all_output_; }
    bool has_room_for_call(std::size_t request_bytes) const noexcept;
    void call_began(std::size_t request_bytes) noexcept;
    void call_ended(std::size_t request_bytes) noexcept;
    void connection_closed(server_connection& connection, const error_code& why) noexcept;

    std::function<void()> first_accept;

private:
    void admit(accepted incoming);
    result<void> accept_on(result<listener> opened);
    awaitable<void> accept_loop(std::list<listener>::iterator from);
    awaitable<result<void>> wait_until_empty();

    executor ex_;
    logger& log_;
    loop_meter& meter_;
    server_limits limits_;
    server_counters counts_;
    byte_budget all_requests_;
    byte_budget all_frames_;
    byte_budget all_input_;
    byte_budget all_output_;
    method_registry registry_;
    deadline_queue deadlines_;
    condition changed_;
    std::list<listener> listeners_;
    std::set<std::shared_ptr<server_connection>> connections_;
    bool is_draining_ = false;
    std::optional<task_group> tasks_;

    // One read's worth for all connections: nothing of it is used across a suspension.
    std::array<char, std::size_t{32} * 1024> scratch_;
};

}  // namespace vminit::ttrpc

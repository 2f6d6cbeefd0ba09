// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "vminit/core/blocking.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/forward/forward_service.hpp"

namespace vminit::forward {

/// What the service, its gates and their tasks share; the tasks may end after the service.
class forward_core : public std::enable_shared_from_this<forward_core> {
public:
    using socket_job = std::function<result<unique_fd>()>;

    explicit forward_core(asio::io_context& context);

    /// A connection that came in at a gate.
    struct waiting {
        gate* at;
        std::string owner;
        ttrpc::stream_socket socket;
    };

    awaitable<result<ttrpc::stream_socket>> open(place to, surroundings in);
    awaitable<result<ttrpc::stream_socket>> open_gate(place at, surroundings in);
    result<std::shared_ptr<relay>> carry(std::string owner, ttrpc::stream_socket near, ttrpc::stream_socket stream,
                                         end_of_stream ending);
    result<void> room_for_connection();
    std::size_t connections() const noexcept;
    std::size_t waiting_at(const gate* at) const noexcept;
    void forget(const gate* at) noexcept;
    void remove_name(std::string path, surroundings in);
    void end(const std::string& owner);
    void close() noexcept;

    static awaitable<void> end_when(std::shared_ptr<forward_core> self, std::string owner, awaitable<void> ending);

    executor ex;
    logger& log;
    blocking_service* pool;
    std::unique_ptr<task_group> tasks;
    std::shared_ptr<streams::copy_buffer> buffer = std::make_shared<streams::copy_buffer>();
    std::vector<gate*> gates;
    std::map<std::uint64_t, waiting> arrivals;
    std::set<std::string> watched;  // owners whose end is waited for
    condition changed;              // of `arrivals`
    std::size_t connecting = 0;
    std::size_t opening = 0;  // gates
    std::uint64_t next_number = 1;
    std::uint64_t refused = 0;
    bool is_closed = false;

private:
    struct carried {
        std::string owner;
        std::weak_ptr<relay> link;
    };
    static awaitable<void> end_late(std::shared_ptr<forward_core> self, std::weak_ptr<relay> link);
    static awaitable<void> remove_late(std::shared_ptr<forward_core> self, std::string path, std::string root);
    awaitable<result<unique_fd>> run(blocking_lane lane, socket_job job, const surroundings& in);
    awaitable<result<ttrpc::stream_socket>> open_now(place to, surroundings in);

    std::vector<carried> links_;
};

}  // namespace vminit::forward

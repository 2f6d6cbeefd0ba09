// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::vmm {

/// QEMU's machine protocol on one connection: commands with answers, events to a hook.
///
/// Commands may overlap; each has an id. A line longer than `max_line` ends the connection: QEMU's own stay far below.
/// Stopped by its destructor; must outlive its calls.
class qmp_client {
public:
    static constexpr std::size_t max_line = std::size_t{1} << 20;

    /// `device` is the one that the event is of, where it is of one. It must not end the client.
    using event_hook = std::function<void(std::string_view name, std::string_view device)>;

    qmp_client(asio::io_context& context, ttrpc::stream_socket socket, event_hook on_event);
    ~qmp_client();

    /// Reads the greeting and makes the connection take commands. Errors: deadline_exceeded, unavailable (the other end
    /// is gone), internal (not QMP).
    awaitable<result<void>> negotiate(clock::duration limit);

    /// One command; `arguments` is a JSON object or empty. Errors: unknown with QEMU's text when it refuses,
    /// deadline_exceeded, unavailable.
    awaitable<result<boost::json::value>> execute(std::string_view command, std::string_view arguments,
                                                  clock::duration limit);

private:
    struct answer {
        bool is_there = false;
        result<boost::json::value> value = boost::json::value();
    };

    // Kept by the task that reads: its read may end after the client.
    struct connection {
        connection(ttrpc::stream_socket connected, qmp_client& client) : socket(std::move(connected)), owner(&client) {}

        ttrpc::stream_socket socket;
        qmp_client* owner;  // null when it is gone
    };

    static awaitable<void> read_lines(std::shared_ptr<connection> from);
    void take_bytes(std::string_view bytes);
    void take_line(std::string_view line);
    awaitable<result<boost::json::value>> answer_of(std::uint64_t id);
    void end(std::string why);

    std::shared_ptr<connection> connection_;
    std::string received_;
    event_hook on_event_;
    std::map<std::uint64_t, answer> answers_;
    std::uint64_t next_id_ = 1;
    std::string ended_;  // why; empty while it is open
    bool is_greeted_ = false;
    condition changed_;
    task_group tasks_;
};

}  // namespace vminit::vmm

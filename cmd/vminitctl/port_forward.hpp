// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client_session.hpp"
#include "port_spec.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/forward/forward_service.hpp"
#include "vminit/forward/v1/forward.ttrpc.hpp"

namespace vminit::vminitctl {

enum class forward_direction {
    to_container,  ///< we listen
    to_host,       ///< the container does
};

/// One forward between this machine and a container: a listener on one side, and connections from it to the other.
class port_forward {
public:
    port_forward(client_session& guest, std::string id, port_spec spec, forward_direction direction);
    ~port_forward();
    port_forward(const port_forward&) = delete;
    port_forward& operator=(const port_forward&) = delete;

    /// Listens, and says so in one line. Errors: of listening, on this side or the other.
    awaitable<result<void>> open();

    /// Serves connections until it can no more: returns why.
    awaitable<error> serve();

    /// Returns when the connections that are there have ended.
    awaitable<void> finish() { return tasks_.join(); }

    /// Ends them.
    awaitable<void> stop();

private:
    using connect_call = ttrpc::duplex_stream<forward::v1::ConnectRequest, forward::v1::Written>;
    struct carried;

    awaitable<result<void>> open_there();
    awaitable<error> serve_ours();
    awaitable<error> serve_theirs();
    awaitable<void> carry_in(std::uint64_t number);
    awaitable<void> carry_out(std::uint64_t number);
    awaitable<result<void>> connect_in(std::uint64_t number);
    awaitable<result<void>> connect_out(std::uint64_t number);
    awaitable<result<std::shared_ptr<connect_call>>> call(forward::v1::ConnectRequest request);
    void carry(std::shared_ptr<forward::relay> link, std::shared_ptr<connect_call> over);
    awaitable<void> refuse_theirs(std::uint64_t number);
    static awaitable<void> read_end(std::shared_ptr<forward::relay> link, std::shared_ptr<connect_call> over);
    static awaitable<void> write_end(std::shared_ptr<forward::relay> link, std::shared_ptr<connect_call> over);
    forward::v1::Place container_place() const;
    void say();

    client_session& guest_;
    std::string id_;
    port_spec spec_;
    forward_direction direction_;
    forward::forward_service& forwards_;
    std::shared_ptr<forward::gate> ours_;
    std::unique_ptr<ttrpc::receive_stream<forward::v1::Incoming>> theirs_;
    task_group tasks_;
};

}  // namespace vminit::vminitctl

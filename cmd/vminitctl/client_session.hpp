// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "command_set.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/vmevents/v1/events.ttrpc.hpp"
#include "printer.hpp"
#include "vminit/process/v1/container.ttrpc.hpp"
#include "vminit/supervisor/v1/supervisor.ttrpc.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::vminitctl {

using task_client = containerd::task::v3::TaskClient;
using bundle_client = containerd::vminitd::services::bundle::v1::BundleClient;
using system_client = containerd::vminitd::services::system::v1::SystemClient;
using container_client = vminit::process::v1::ContainerClient;
using events_client = spinbox::services::vmevents::v1::EventsClient;
using supervisor_client = vminit::supervisor::v1::SupervisorClient;

/// Our stdin, stdout and stderr; tests put pipes and terminals in their place. Borrowed.
struct local_descriptors {
    int in = 0;
    int out = 1;
    int err = 2;
};

/// What a command works with: one connection to a guest, the options that apply to all, and where answers go.
class client_session {
public:
    client_session(asio::io_context& context, global_options options, local_descriptors local);
    client_session(const client_session&) = delete;
    client_session& operator=(const client_session&) = delete;

    /// Connects to the guest's RPC server. The clients below need it. Errors: of ttrpc::connect, as unavailable.
    awaitable<result<void>> connect();

    task_client task() { return task_client(*client_); }
    bundle_client bundle() { return bundle_client(*client_); }
    system_client system() { return system_client(*client_); }
    container_client container() { return container_client(*client_); }
    events_client events() { return events_client(*client_); }
    ttrpc::client& rpc() { return *client_; }
    supervisor_client supervisor() { return supervisor_client(*client_); }

    /// For calls that answer at once: `--timeout`.
    ttrpc::call_options call_limit() const { return ttrpc::call_options(options_.call_limit()); }

    /// For calls that wait for something to happen in the guest.
    ttrpc::call_options no_limit() const { return {}; }

    /// A stdio stream of that id; see open_stdio_stream.
    awaitable<result<ttrpc::stream_socket>> open_stream(std::uint32_t id);

    /// Whether the RPC connection is there; only then a call can succeed.
    bool is_connected() const noexcept { return client_ && client_->is_open(); }

    /// Returns when the guest has closed the connection. Errors: deadline_exceeded after `limit`.
    awaitable<result<void>> closed(clock::duration limit);

    asio::io_context& context() noexcept { return context_; }
    printer& out() noexcept { return printer_; }
    const global_options& options() const noexcept { return options_; }
    const local_descriptors& local() const noexcept { return local_; }

private:
    awaitable<result<void>> joined();

    asio::io_context& context_;
    global_options options_;
    local_descriptors local_;
    printer printer_;
    std::optional<ttrpc::client> client_;
};

/// A connection to `address` within `limit`. Errors: invalid_argument for what is no address, else unavailable, naming
/// it.
awaitable<result<ttrpc::stream_socket>> connect_to(std::string address, clock::duration limit);

}  // namespace vminit::vminitctl

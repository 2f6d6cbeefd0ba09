// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "github.com/containerd/containerd/api/types/event.pb.h"
#include "github.com/spin-stack/spinbox/api/services/bundle/v1/bundle.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::shim {

/// The connection to the guest: calls on one, the events on the same, made again when it breaks while the VM lives.
///
/// Events are asked for by number and acknowledged, so that a broken connection loses none and tells none twice.
class guest_link {
public:
    using event_hook = std::function<void(containerd::types::Envelope)>;

    guest_link(asio::io_context& context, ttrpc::address rpc, event_hook on_event);

    /// Connects and subscribes. Errors: of connect.
    awaitable<result<void>> connect();

    /// The clients' connection must outlive their calls: they hold it.
    struct calls {
        std::shared_ptr<ttrpc::client> connection;
        containerd::task::v3::TaskClient task() { return containerd::task::v3::TaskClient(*connection); }
        containerd::vminitd::services::bundle::v1::BundleClient bundle() {
            return containerd::vminitd::services::bundle::v1::BundleClient(*connection);
        }
        containerd::vminitd::services::system::v1::SystemClient system() {
            return containerd::vminitd::services::system::v1::SystemClient(*connection);
        }
    };

    /// Errors: unavailable while there is no connection.
    result<calls> connected() const;

    /// The guest is about to end: it is no reason for a warning, nor for connecting again.
    void expect_end() noexcept { is_end_expected_ = true; }

    /// Stops reconnecting and closes. Idempotent.
    void close();

    /// `close`, and returns when no coroutine of the link is left: before it is destroyed.
    awaitable<void> end();

private:
    awaitable<void> follow_events();
    awaitable<void> read_events(std::shared_ptr<ttrpc::client> connection);
    awaitable<result<void>> open_connection();

    asio::io_context& context_;
    ttrpc::address rpc_;
    event_hook on_event_;
    std::shared_ptr<ttrpc::client> client_;
    std::uint64_t last_event_ = 0;
    bool is_end_expected_ = false;
    task_group tasks_;
};

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "support/descriptor_guard.hpp"
#include "support/io_fixture.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/server_service.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::test {

/// One context with a ttrpc server and clients of it over socket pairs.
class api_fixture : public descriptor_guard, public io_fixture {
public:
    ttrpc::server_service& server() { return asio::use_service<ttrpc::server_service>(ctx); }

    /// A further connection to the server.
    ttrpc::client connect() {
        auto pair = ttrpc::connected_pair(ex()).value();
        auto served = ttrpc::adopt_socket(ex(), std::move(pair.second)).value();
        server().serve(std::move(served), ttrpc::peer_identity());
        return ttrpc::client(std::move(pair.first), log());
    }

    /// The connection most tests use.
    ttrpc::client& rpc() {
        if (!rpc_) rpc_.emplace(connect());
        return *rpc_;
    }

    ~api_fixture() {
        rpc_.reset();
        server().close();
        run(server().join());
    }

private:
    std::optional<ttrpc::client> rpc_;
};

}  // namespace vminit::test

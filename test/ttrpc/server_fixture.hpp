// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "support/ttrpc_peer.hpp"
#include "ttrpc/fixture_service.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::test {

/// A server of `t.S`, time that stands still, and scripted peers connected by socket pairs.
class server_fixture : public io_fixture {
public:
    static constexpr const char* even_id = "StreamID must be odd for client initiated streams";
    static constexpr const char* reused_id = "StreamID cannot be re-used and must increment";
    static constexpr const char* inactive = "StreamID is no longer active";

    explicit server_fixture(ttrpc::server_limits limits = {})
        : server(asio::make_service<ttrpc::server_service>(ctx, limits)) {
        server.add(service);
    }

    ~server_fixture() {
        server.close();
        poll();
    }

    ttrpc_peer connect() {
        auto pair = ttrpc::connected_pair(ex());
        REQUIRE(pair);
        server.serve(std::move(pair->first), ttrpc::peer_identity());
        return ttrpc_peer(*this, std::move(pair->second));
    }

    static wire_frame request(std::uint32_t id, std::uint8_t flags, const std::string& method, std::string data = {},
                              std::int64_t timeout_nano = 0) {
        return request_frame(id, flags, make_request("t.S", method, std::move(data), timeout_nano));
    }

    static wire_frame call(std::uint32_t id, const std::string& method, const t::EchoPayload& message,
                           std::int64_t timeout_nano = 0) {
        return request(id, 0, method, message.SerializeAsString(), timeout_nano);
    }

    /// Every case ends with it: the connection still answers.
    static void check_alive(ttrpc_peer& peer, std::uint32_t id) {
        peer.send(call(id, "Echo", payload(1)));
        CHECK(peer.receive() == ok(id, payload(2)));
    }

    /// A status Response whose text starts with `prefix`.
    static void check_failed(const wire_frame& incoming, std::uint32_t id, int code, const std::string& prefix) {
        CHECK(incoming.stream_id == id);
        CHECK(incoming.type == 2);
        CHECK(incoming.flags == 0);
        ::ttrpc::Response response;
        REQUIRE(response.ParseFromString(incoming.data));
        CHECK(response.status().code() == code);
        CHECK_THAT(response.status().message(), Catch::Matchers::StartsWith(prefix));
        CHECK(response.payload().empty());
    }

    void advance(clock::duration step) {
        time.advance(step);
        poll();
    }

    manual_time time;
    ttrpc::server_service& server;
    std::shared_ptr<fixture_service> service = std::make_shared<fixture_service>();
};

}  // namespace vminit::test

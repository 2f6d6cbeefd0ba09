// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "api/api_fixture.hpp"
#include "support/ttrpc_peer.hpp"

namespace vminit::test {

/// A further connection whose frames the test writes by hand.
inline ttrpc_peer connect_raw(api_fixture& io) {
    auto pair = vminit::ttrpc::connected_pair(io.ex()).value();
    auto served = vminit::ttrpc::adopt_socket(io.ex(), std::move(pair.second)).value();
    io.server().serve(std::move(served), vminit::ttrpc::peer_identity());
    return ttrpc_peer(io, unique_fd(pair.first.release()));
}

}  // namespace vminit::test

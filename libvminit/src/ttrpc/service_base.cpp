// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::ttrpc {

awaitable<result<void>> serve_unknown(server_call& call) {
    co_return error(errc::internal, "no method " + std::string(call.context().method()));
}

}  // namespace vminit::ttrpc

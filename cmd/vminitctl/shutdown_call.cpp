// SPDX-License-Identifier: Apache-2.0
#include "shutdown_call.hpp"

namespace vminit::vminitctl {

awaitable<result<void>> ask_to_power_off(client_session& guest) {
    google::protobuf::Empty nothing;
    auto system = guest.system();
    auto prepared = co_await system.PrepareShutdown(std::move(nothing), guest.call_limit());
    if (!prepared) co_return prepared.error();
    containerd::task::v3::ShutdownRequest request;
    auto tasks = guest.task();
    auto ended = co_await tasks.Shutdown(std::move(request), guest.call_limit());
    // A guest that is quick is gone before its answer is here.
    bool is_gone = !ended && ended.error().code() == ttrpc::client_errc::closed;
    if (!ended && !is_gone) co_return ended.error();
    co_return result<void>();
}

}  // namespace vminit::vminitctl

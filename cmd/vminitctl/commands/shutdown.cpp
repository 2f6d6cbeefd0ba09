#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> shutdown(client_session& guest) {
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
    // Success is also the answer of a guest that stays on because of its containers.
    auto gone = co_await guest.closed(guest.options().call_limit());
    if (!gone) co_return error(errc::failed_precondition, "the guest stays on, it still has containers");
    record facts{{"address", guest.options().address}, {"shutdown", true}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_shutdown(command_set& commands) {
    commands.add("shutdown", "clean up the guest and power it off",
                 [](client_session& guest) { return shutdown(guest); });
}

}  // namespace vminit::vminitctl

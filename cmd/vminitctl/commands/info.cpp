#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> info(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.Info(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    record facts{{"version", answer->version()}, {"kernel_version", answer->kernel_version()}};
    guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_info(command_set& commands) {
    commands.add("info", "the versions of the guest's init and kernel",
                 [](client_session& guest) { return info(guest); });
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "system_text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::string_view titles[] = {"name", "type", "size", "access", "serial", "disk", "partition"};

awaitable<result<int>> devices(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.Devices(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    auto rows = device_rows(*answer);
    guest.out().answers(rows, titles);
    co_return 0;
}

}  // namespace

void add_devices(command_set& commands) {
    auto& command = commands.add("devices", "the guest's disks and partitions, with their serial numbers",
                                 [](client_session& guest) { return devices(guest); });
    command.footer("A disk's serial number is what run --rootfs takes.");
}

}  // namespace vminit::vminitctl

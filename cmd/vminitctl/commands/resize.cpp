// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"

namespace vminit::vminitctl {

namespace {

struct resize_options {
    process_key key;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
};

awaitable<result<int>> resize(client_session& guest, resize_options options) {
    containerd::task::v3::ResizePtyRequest request;
    request.set_id(options.key.id);
    request.set_exec_id(options.key.exec_id);
    request.set_width(options.width);
    request.set_height(options.height);
    auto tasks = guest.task();
    auto resized = co_await tasks.ResizePty(std::move(request), guest.call_limit());
    if (!resized) co_return resized.error();
    record facts{{"id", options.key.id}, {"width", options.width}, {"height", options.height}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_resize(command_set& commands) {
    auto options = std::make_shared<resize_options>();
    auto& command = commands.add("resize", "set the size of a process's terminal",
                                 [options](client_session& guest) { return resize(guest, *options); });
    declare_process(command, options->key);
    command.add_option("WIDTH", options->width, "columns")->required();
    command.add_option("HEIGHT", options->height, "lines")->required();
}

}  // namespace vminit::vminitctl

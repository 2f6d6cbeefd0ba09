// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <utility>

#include "clock.ttrpc.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.ttrpc.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

// Asks own_service_agent's own service and two of libvminit's: own_service_client ADDRESS

using namespace vminit;
using namespace std::chrono_literals;

namespace {

awaitable<void> ask(ttrpc::client& peer) {
    sample::clock::v1::ClockClient clock(peer);
    auto now = co_await clock.Now(google::protobuf::Empty(), ttrpc::call_options(10s));
    if (now) fmt::print("clock: {} {}\n", now->now().seconds() > 0 ? "set" : "not set", now->containers());

    containerd::vminitd::services::system::v1::SystemClient system(peer);
    auto info = co_await system.Info(google::protobuf::Empty(), ttrpc::call_options(10s));
    if (info) fmt::print("system: {}\n", info->version());

    containerd::task::v3::TaskClient task(peer);
    containerd::task::v3::StateRequest request;
    request.set_id("none");
    auto state = co_await task.State(request, ttrpc::call_options(10s));
    if (!state) fmt::print("task: {}\n", state.error().message());
}

awaitable<void> connect_and_ask(asio::io_context& context, ttrpc::address where) {
    auto socket = co_await ttrpc::connect(where, 10s);
    if (!socket) {
        fmt::print("{}\n", socket.error().message());
        co_return;
    }
    ttrpc::client peer(std::move(*socket), log_of(context));
    co_await ask(peer);
}

}  // namespace

int main(int argc, char** argv) {
    auto where = ttrpc::address::parse(argc == 2 ? argv[1] : "");
    if (!where) {
        fmt::print(stderr, "usage: own_service_client ADDRESS\n");
        return 2;
    }
    asio::io_context context{1};
    task_group tasks(context.get_executor(), log_of(context));
    tasks.spawn("ask", connect_and_ask(context, *where));
    context.run();
    return 0;
}

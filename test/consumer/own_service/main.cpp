// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "clock.ttrpc.hpp"
#include "vminit/api/bundle_api.hpp"
#include "vminit/api/events_api.hpp"
#include "vminit/api/system_api.hpp"
#include "vminit/api/task_api.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/runc/runc_service.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/system/power.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/ttrpc/server_service.hpp"

// A guest agent of all layers, with a service of its own beside Task, Events, Bundle and System.
//
//   own_service_agent DIRECTORY     listens on DIRECTORY/rpc.sock and DIRECTORY/streams.sock until SIGTERM

using namespace vminit;
using namespace std::chrono_literals;

namespace {

class wall_clock : public sample::clock::v1::ClockService {
public:
    explicit wall_clock(asio::io_context& context) : context_(context) {}

private:
    awaitable<result<sample::clock::v1::NowResponse>> Now(ttrpc::call_context&, google::protobuf::Empty) override {
        auto now = std::chrono::system_clock::now().time_since_epoch();
        sample::clock::v1::NowResponse response;
        response.mutable_now()->set_seconds(now / 1s);
        response.set_containers(asio::use_service<process::process_service>(context_).container_count());
        co_return response;
    }

    asio::io_context& context_;
};

/// The services that need settings, in the order of the layers; the others are made when they are first asked for.
void make_services(asio::io_context& context, const std::string& directory) {
    asio::make_service<blocking_service>(context);
    auto& reaper = asio::make_service<reaper::reaper_service>(context);
    if (::getpid() != 1 && !reaper.become_subreaper()) log_of(context).error("orphans will not come to us");
    system::system_config machine;
    machine.version = "own-service 1.0";
    asio::make_service<system::system_service>(context, std::move(machine));
    runc::runc_config runtime;
    runtime.root = directory + "/runtime";
    asio::make_service<runc::runc_service>(context, std::move(runtime));
    asio::make_service<process::process_service>(context, process::process_config());
}

result<void> serve(asio::io_context& context, const std::string& directory, system::power_control& power,
                   const system::boot_timeline& timeline) {
    auto& server = asio::use_service<ttrpc::server_service>(context);
    api::task_api_options options;
    options.on_shutdown = [&power] { power.request("Task.Shutdown"); };
    server.add(api::make_task_api(context, std::move(options)));
    server.add(api::make_events_api(context));
    server.add(api::make_bundle_api(context, directory + "/bundles"));
    server.add(api::make_system_api(context, timeline));
    server.add(std::make_shared<wall_clock>(context));
    auto& streams = asio::use_service<streams::stream_service>(context);
    auto listening = streams.listen(ttrpc::address::unix_socket(directory + "/streams.sock"));
    if (!listening) return listening;
    return server.listen(ttrpc::address::unix_socket(directory + "/rpc.sock"));
}

awaitable<void> stop_serving(asio::io_context& context) {
    auto& server = asio::use_service<ttrpc::server_service>(context);
    co_await server.shutdown(500ms);
    server.close();
}

void add_shutdown_phases(asio::io_context& context, system::power_control& power) {
    power.add_phase({"kill-containers", 1s,
                     [&context] { return asio::use_service<process::process_service>(context).kill_all(900ms); }});
    power.add_phase({"stop-serving", 1s, [&context] { return stop_serving(context); }});
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: own_service_agent DIRECTORY\n");
        return 2;
    }
    asio::io_context context{1};
    system::boot_timeline timeline;
    make_services(context, argv[1]);
    system::power_options ending;
    ending.final_action = [&context] { context.stop(); };
    system::power_control power(context, std::move(ending));
    add_shutdown_phases(context, power);
    task_group tasks(context.get_executor(), log_of(context));
    tasks.spawn("power", power.run());
    auto serving = serve(context, argv[1], power, timeline);
    if (!serving) {
        fmt::print(stderr, "{}\n", serving.error().message());
        return 1;
    }
    fmt::print("serving\n");
    std::fflush(stdout);
    context.run();
    return 0;
}

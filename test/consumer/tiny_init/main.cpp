// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <variant>

#include "vminit/core/blocking.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"

// An init of the reaper and the supervisor alone: keeps one program running, collects every orphan, and ends when the
// program has failed too often.
//
//   tiny_init DIRECTORY PROGRAM [ARGUMENT...]     pid file and log lie in DIRECTORY

using namespace vminit;
using namespace std::chrono_literals;

namespace {

supervisor::service_spec describe(const std::string& directory, int argc, char** argv) {
    supervisor::service_spec spec;
    spec.name = "program";
    spec.binaries = {argv[0]};
    spec.arguments.assign(argv + 1, argv + argc);
    spec.limits.max_restarts = 3;
    spec.limits.first_delay = 10ms;
    spec.pid_file = directory + "/program.pid";
    spec.log_file = directory + "/program.log";
    return spec;
}

/// Prints what happens; `on_end` is called when there will be no further start.
class reporter {
public:
    explicit reporter(asio::io_context& context) : context_(context) {}

    void operator()(const supervisor::supervised_event& event) const {
        if (std::holds_alternative<supervisor::supervised_started>(event)) fmt::print("started\n");
        if (auto* exited = std::get_if<supervisor::supervised_exited>(&event)) {
            fmt::print("exited {}\n", exited->status.value);
        }
        if (auto* restarting = std::get_if<supervisor::supervised_restarting>(&event)) {
            fmt::print("restart {} in {} ms\n", restarting->restarts_in_window, restarting->delay / 1ms);
        }
        if (std::holds_alternative<supervisor::supervised_gave_up>(event)) {
            fmt::print("gave up\n");
            context_.stop();  // nothing else is left to do
        }
    }

private:
    asio::io_context& context_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        fmt::print(stderr, "usage: tiny_init DIRECTORY PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    asio::io_context context{1};
    auto& reaper = asio::make_service<reaper::reaper_service>(context);
    if (::getpid() != 1 && !reaper.become_subreaper()) return 1;

    supervisor::supervisor_config config;
    config.on_event = reporter(context);
    auto& agents = asio::make_service<supervisor::supervisor_service>(context, std::move(config));
    auto added = agents.add(describe(argv[1], argc - 2, argv + 2));
    if (!added) {
        fmt::print(stderr, "{}\n", added.error().message());
        return 1;
    }
    context.run();
    fmt::print("orphans collected: {}\n", reaper.counters().orphans_reaped);
    return 0;
}

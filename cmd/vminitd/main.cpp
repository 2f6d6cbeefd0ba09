// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guest.hpp"
#include "settings.hpp"
#include "version.hpp"
#include "vminit/core/console.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/log_history.hpp"
#include "vminit/reaper/container_init.hpp"
#include "vminit/system/boot_plan.hpp"
#include "vminit/system/boot_steps.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/system/cleanup.hpp"
#include "vminit/system/fatal.hpp"
#include "vminit/system/machine_end.hpp"
#include "vminit/system/power_watch.hpp"

namespace {

using namespace vminit;
using namespace vminit::vminitd;

bool is_init() { return ::getpid() == 1; }

logger make_logger(const settings& values, log_sink sink) {
    auto level = log_level::info;
    parse_log_level(values.log_level, level);
    if (values.debug) level = log_level::debug;
    auto format = values.log_format == "text" ? log_format::text : log_format::json;
    return logger(std::move(sink), level, format);
}

/// Until the loop runs, lines are written straight; from then on a console that stalls must not stall the loop. One
/// that is not there yet is the guest's to find.
std::unique_ptr<console> open_console(asio::io_context& context) {
    if (is_init() && !system::steps::has_console()) return std::make_unique<console>(context);
    auto screen = console::reopen(STDERR_FILENO);
    if (!screen) return nullptr;
    return std::make_unique<console>(context, std::move(*screen));
}

int print(const std::string& text) {
    // stdout of PID 1 may be closed; then there is nobody to tell.
    [[maybe_unused]] auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    return 0;
}

/// PID 1 must not return from main: that would be a kernel panic.
int give_up(const error& failure, logger& log) {
    log.error("cannot serve, powering off", {{"error", failure}});
    if (is_init()) {
        system::arm_watchdog(std::chrono::seconds(3), system::end_machine);
        system::kill_all_processes(SIGKILL);
        system::clean_up({});
        system::remount_read_only();
        system::end_machine();
    }
    return 1;
}

/// As PID 1 of a pod's namespaces: until SIGKILL. What is orphaned there is collected by the kernel.
[[noreturn]] void hold_namespaces() {
    ::signal(SIGCHLD, SIG_IGN);
    for (;;) ::pause();
}

/// As PID 1 of a container, which is no machine of ours: also when there is nothing to start.
int be_container_init(int argc, char** argv) {
    if (argc > 3 && std::string_view(argv[2]) == "--") return reaper::run_container_init(argv + 3);
    constexpr std::string_view usage = "usage: vminitd --container-init -- COMMAND [ARGUMENT...]\n";
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, usage.data(), usage.size());
    return 127;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc == 2 && std::string_view(argv[1]) == "--hold-namespaces") hold_namespaces();
    if (argc > 1 && std::string_view(argv[1]) == "--container-init") return be_container_init(argc, argv);
    system::install_fatal_handlers();
    // glibc would give each thread of the blocking lanes a heap of its own, of which the touched pages stay.
    ::mallopt(M_ARENA_MAX, 1);
    // Before all else: a ctrl-alt-del is kept for the loop, or ends a boot that hangs.
    system::power_watch watch;
    system::boot_timeline timeline;
    timeline.reached("pid1-entry");

    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    // /proc is not there yet; the kernel command line joins in after the boot steps.
    auto flags = load_settings(arguments, kernel_cmdline());
    if (!is_init() && flags.values.show_version) return print(version_text());
    if (!is_init() && flags.values.show_help) return print(help_text());

    asio::io_context context{1};
    auto& log =
        asio::make_service<log_service>(context, make_logger(flags.values, descriptor_sink(STDERR_FILENO))).log();
    if (is_init()) (void)system::run_boot(system::vm_entry_plan(), timeline, log);  // not fatal
    // Not earlier: where there is no console yet, what the loop opens would become descriptors 0 to 2.
    auto& history = asio::use_service<log_history>(context);

    auto words = kernel_cmdline::read();
    auto cmdline = words ? std::move(*words) : kernel_cmdline();
    auto loaded = load_settings(arguments, cmdline);
    auto screen = open_console(context);
    auto to_screen = [&screen](log_level, std::string_view line) { screen->write_line(line); };
    auto shown = screen ? log_sink(to_screen) : descriptor_sink(STDERR_FILENO);
    log = make_logger(loaded.values, history.keeping(std::move(shown)));
    for (const auto& problem : loaded.problems) {
        log.warn("setting not used", {{"source", problem.source}, {"name", problem.name}, {"reason", problem.reason}});
    }
    if (is_init()) system::set_machine_end(system::machine_end_named(loaded.values.power_off));
    timeline.reached("system-init");

    guest machine(context, loaded.values, cmdline, timeline, watch, screen.get());
    if (auto end = machine.run(); !end) return give_up(end.error(), log);
    return 0;
} catch (const std::exception& thrown) {
    // Only out-of-memory while composing gets here.
    vminit::logger log(vminit::descriptor_sink(STDERR_FILENO));
    return give_up(vminit::error(vminit::errc::internal, thrown.what()), log);
}

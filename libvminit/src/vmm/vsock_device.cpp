// SPDX-License-Identifier: Apache-2.0
#include "vsock_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "file_watch.hpp"
#include "qemu_command.hpp"
#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vmm {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {
constexpr auto socket_limit = 60s;  // milliseconds are enough, but not on a machine that has too much to do
}

awaitable<result<void>> start_vsock_device(asio::io_context& context, vm_plan plan, reaper::child& device) {
    auto log_file = plan.directory + "/vsock.log";
    auto log = syscalls::open(log_file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (!log) co_return log.error();
    auto socket = vhost_socket(plan);
    reaper::spawn_options options(plan.vsock_device, {plan.vsock_device, "--vm",
                                                      fmt::format("guest-cid={},socket={},uds-path={}", plan.guest_cid,
                                                                  socket, vsock_socket(plan))});
    options.group = reaper::process_group::own_session;
    options.parent_death_signal = SIGKILL;
    options.cgroup_procs = plan.cgroup_procs;
    options.stdout_fd = options.stderr_fd = log->get();
    auto started = asio::use_service<reaper::reaper_service>(context).launch(std::move(options));
    if (!started) co_return started.error().within("vsock device");
    device = std::move(*started);
    auto is_there =
        co_await (with_timeout(wait_for_file(socket), socket_limit, "the vsock device's socket") || device.wait());
    if (is_there.index() == 1) co_return error(errc::unavailable, "the vsock device ended; see " + log_file);
    co_return std::get<0>(is_there);
}

bool moves_packets(pid_t device) {
    auto threads = fmt::format("/proc/{}/task", device);
    auto known = names_in(threads);
    if (!known) return false;
    for (const auto& thread : *known) {
        auto name = read_file(threads + "/" + thread + "/comm");
        if (name && trimmed(*name) == "vring_worker") return true;
    }
    return false;
}

}  // namespace vminit::vmm

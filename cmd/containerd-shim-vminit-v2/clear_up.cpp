// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>

#include "commands.hpp"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"
#include "host_cgroup.hpp"
#include "pod_network.hpp"
#include "server_socket.hpp"
#include "shim_paths.hpp"
#include "timestamps.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/system/cleanup.hpp"
#include "vminit/system/mount.hpp"

namespace vminit::shim {

namespace {

constexpr std::uint32_t killed_status = 137;

// The shim's taps and redirects outlive it, and the VM's cgroup.
result<void> clear_kernel(const shim_paths& paths) {
    asio::io_context context{1};
    asio::make_service<log_service>(context, logger(descriptor_sink(STDERR_FILENO), log_level::warn));
    result<void> outcome;
    task_group tasks(context.get_executor(), log_of(context));
    auto clear = [](asio::io_context& on, std::string directory, result<void>& into) -> awaitable<void> {
        into = co_await undo_recorded_network(on, directory);
        co_await undo_recorded_cgroup(on, std::move(directory));
    };
    tasks.spawn("clear", clear(context, paths.vm, outcome));
    while (tasks.size() > 0) context.run_one();
    return outcome;
}

// QEMU and its helpers went with their parent (PR_SET_PDEATHSIG); what they left are files, the network, a cgroup.
result<void> clear_vm(const shim_paths& paths) {
    ::unlink(paths.socket.c_str());
    if (auto cleared = clear_kernel(paths); !cleared) return cleared;
    auto removed = system::remove_tree(paths.vm);
    if (!removed && !syscalls::is_errno(removed.error(), ENOENT)) return removed.error();
    return {};
}

}  // namespace

result<std::string> clear_up(const shim_request& request, const shim_config& config) {
    auto bundle = request.bundle.empty() ? std::string(".") : request.bundle;
    auto address = read_file(bundle + "/address");
    auto paths = address ? paths_at(trimmed(*address), config.state) : result<shim_paths>(address.error());
    if (paths && !stays_served(paths->socket, std::chrono::milliseconds(200))) {
        if (auto cleared = clear_vm(*paths); !cleared) return cleared.error();
    }
    auto unmounted = system::unmount_all(bundle + "/rootfs", system::unmount_mode::lazy);
    if (!unmounted) return unmounted.error();
    containerd::task::v3::DeleteResponse response;
    response.set_exit_status(killed_status);
    set_timestamp(*response.mutable_exited_at(), wall_now());
    return response.SerializeAsString();
}

}  // namespace vminit::shim

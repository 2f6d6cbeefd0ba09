// SPDX-License-Identifier: Apache-2.0
#include "share_daemon.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vminit/core/local_socket.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::vmm {

namespace {

constexpr int socket_descriptor = 3;

}  // namespace

std::string share_socket(const std::string& directory, const share& shared) {
    return fmt::format("{}/{}.sock", directory, shared.tag);
}

std::vector<std::string> share_command(const std::string& virtiofsd, const share& shared) {
    // A comma would end the option's value; such a directory is refused by the plan's check. Its own namespaces and
    // root (sandbox=namespace) keep symbolic links inside. Extended attributes hold file capabilities.
    return {virtiofsd, "-f", fmt::format("--fd={}", socket_descriptor), "-o",
            fmt::format("source={},sandbox=namespace,cache=auto,xattr,announce_submounts", shared.directory)};
}

result<reaper::child> start_share_daemon(asio::io_context& context, const vm_plan& plan, const share& shared) {
    auto log_file = fmt::format("{}/{}.log", plan.directory, shared.tag);
    auto log = syscalls::open(log_file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (!log) return log.error();
    // Listening before the daemon starts: who connects next need not wait for it.
    auto path = share_socket(plan.directory, shared);
    ::unlink(path.c_str());
    auto socket = listen_at(path, 1);
    if (!socket) return socket.error();
    reaper::spawn_options options(plan.virtiofsd, share_command(plan.virtiofsd, shared));
    options.group = reaper::process_group::own_session;
    options.parent_death_signal = SIGKILL;
    options.cgroup_procs = plan.cgroup_procs;
    options.stdout_fd = options.stderr_fd = log->get();
    options.extra_fds = {{socket_descriptor, socket->get()}};
    auto started = asio::use_service<reaper::reaper_service>(context).launch(std::move(options));
    if (started) return started;
    ::unlink(path.c_str());
    return started.error().within("virtiofsd");
}

}  // namespace vminit::vmm

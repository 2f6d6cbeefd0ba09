// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.hpp"
#include "server_socket.hpp"
#include "shim_paths.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/spawn.hpp"

namespace vminit::shim {

namespace {

constexpr std::size_t largest_config = std::size_t{4} << 20;

// The log is a fifo that the daemon holds open; a bundle made by hand may have none.
result<unique_fd> open_log() {
    auto log = syscalls::open("log", O_WRONLY | O_NONBLOCK);
    return log ? std::move(log) : syscalls::open("/dev/null", O_WRONLY);
}

std::vector<std::string> server_command(const bootstrap& how, const std::string& group, const std::string& socket) {
    const auto& request = how.request;
    std::vector<std::string> command{"containerd-shim-vminit-v2",
                                     "-namespace",
                                     request.space,
                                     "-id",
                                     group,
                                     "-address",
                                     request.grpc_address,
                                     "-publish-binary",
                                     request.containerd_binary,
                                     "-socket",
                                     socket};
    if (request.is_debug) command.push_back("-debug");
    command.push_back("serve");
    return command;
}

result<void> spawn_server(const bootstrap& how, const std::string& group, const std::string& socket_path, int socket) {
    auto log = open_log();
    if (!log) return log.error();
    // What daemons from 2.3 on say only in their message reaches the server as the older ones said it.
    if (!how.request.ttrpc_address.empty()) ::setenv("TTRPC_ADDRESS", how.request.ttrpc_address.c_str(), 1);
    reaper::spawn_options options("/proc/self/exe", server_command(how, group, socket_path));
    options.group = reaper::process_group::own_session;
    options.stderr_fd = log->get();
    options.extra_fds = {{server_descriptor, socket}};
    auto started = reaper::spawn(options);
    if (!started) return started.error();
    return {};
}

}  // namespace

result<std::string> start_server(const bootstrap& how, const shim_config& config) {
    auto spec = read_file("config.json", largest_config);
    // A pod of the Sandbox API has none: it is a group of its own, which its containers name.
    bool has_none = !spec && syscalls::is_errno(spec.error(), ENOENT);
    if (!spec && !has_none) return spec.error();
    auto group = has_none ? how.request.id : group_of(*spec, how.request.id);
    auto paths = paths_of(how.socket_directory, config.state, how.request.grpc_address, how.request.space, group);
    if (auto made = make_directories(how.socket_directory, 0700); !made) return made.error();
    auto locked = lock_directory(how.socket_directory);
    if (!locked) return locked.error();
    auto address = "unix://" + paths.socket;
    if (!is_served(paths.socket)) {
        auto socket = bind_server(paths.socket);
        if (!socket) return socket.error();
        auto spawned = spawn_server(how, group, paths.socket, socket->get());
        if (!spawned) ::unlink(paths.socket.c_str());
        if (!spawned) return spawned.error();
    }
    // Daemons up to 1.7 read it when they are started again.
    if (auto written = replace_file("address", address, 0600); !written) return written.error();
    return start_answer(how.form, address);
}

}  // namespace vminit::shim

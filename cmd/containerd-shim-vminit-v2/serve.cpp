// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/asio/basic_signal_set.hpp>

#include "commands.hpp"
#include "event_publisher.hpp"
#include "sandbox.hpp"
#include "sandbox_front.hpp"
#include "server_socket.hpp"
#include "task_front.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::shim {

namespace {

using namespace std::chrono_literals;

constexpr auto task_v2_name = "containerd.task.v2.Task";
constexpr auto answer_limit = 1s;    // for the answer to Shutdown to leave
constexpr auto flush_limit = 2s;     // for the last events to reach the daemon
constexpr auto leave_limit = 500ms;  // for the daemon to close: it does so at once, or has other reasons to stay
constexpr auto leave_interval = 2ms;

/// The server's parts in the order in which they are made; each outlives those after it.
class server {
public:
    server(asio::io_context& context, const shim_request& request, const shim_config& config)
        : context_(context),
          request_(request),
          publisher_(context, request.ttrpc_address, request.space),
          sandbox_(context, config, paths_at("unix://" + request.socket, config.state).value(), publisher_),
          tasks_(context.get_executor(), log_of(context)),
          signals_(context.get_executor(), SIGTERM, SIGINT) {}

    result<void> listen() {
        auto& server = asio::use_service<ttrpc::server_service>(context_);
        auto front = make_task_front(context_, sandbox_, [this] { begin_end(); });
        server.add(front, task_v2_name);
        server.add(front);
        server.add(make_sandbox_front(context_, sandbox_, [this] { begin_end(); }));
        auto listening = server.listen(unique_fd(server_descriptor), ttrpc::address::unix_socket(request_.socket));
        if (!listening) return listening.error();
        tasks_.spawn("signals", end_at_signal());
        return {};
    }

private:
    // SIGTERM to the shim is an order to end in order; containerd itself uses Shutdown.
    awaitable<void> end_at_signal() {
        auto [failure, number] = co_await signals_.async_wait(as_tuple_awaitable);
        if (failure) co_return;
        log_of(context_).info("told to end", {{"signal", number}});
        co_await sandbox_.stop();
        begin_end();
    }

    void begin_end() { tasks_.spawn("end", end()); }

    // A daemon closes its connections when it has the answer to Shutdown. Where we do, Go's ttrpc may see the end
    // before the answer that lies before it, and fail the call.
    awaitable<void> daemon_gone() {
        auto& server = asio::use_service<ttrpc::server_service>(context_);
        auto until = clock::now() + leave_limit;
        while (server.counters().connections > 0 && clock::now() < until) co_await sleep_for(leave_interval);
    }

    awaitable<void> end() {
        co_await publisher_.flush(flush_limit);
        co_await daemon_gone();
        (void)co_await asio::use_service<ttrpc::server_service>(context_).shutdown(answer_limit);
        ::unlink(request_.socket.c_str());
        context_.stop();
    }

    asio::io_context& context_;
    const shim_request& request_;
    event_publisher publisher_;
    sandbox sandbox_;
    task_group tasks_;
    asio::basic_signal_set<executor> signals_;
};

// A snapshot is mounted only while its image is made, and nobody else sees it: it cannot be left behind.
result<void> leave_mount_namespace() {
    auto left = syscalls::attempt("unshare", "mount namespace", [] { return ::unshare(CLONE_NEWNS); });
    if (!left) return left;
    return syscalls::attempt("mount", "make / a slave",
                             [] { return ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr); });
}

int fail(logger& log, std::string_view what, const error& why) {
    log.error(what, {{"error", why}});
    return 1;
}

}  // namespace

int serve(const shim_request& request, const shim_config& config) {
    ::signal(SIGPIPE, SIG_IGN);
    asio::io_context context{1};
    auto level = request.is_debug ? log_level::debug : log_level::info;
    auto& log = asio::make_service<log_service>(context, logger(descriptor_sink(STDERR_FILENO), level)).log();
    if (auto left = leave_mount_namespace(); !left) return fail(log, "cannot serve", left.error());
    asio::make_service<reaper::reaper_service>(context);
    asio::make_service<ttrpc::server_service>(context);
    server shim(context, request, config);
    if (auto listening = shim.listen(); !listening) return fail(log, "cannot serve", listening.error());
    log.info("serving", {{"namespace", request.space}, {"group", request.id}, {"version", VMINIT_VERSION}});
    for (;;) {
        try {
            context.run();
            return 0;
        } catch (const std::exception& thrown) {
            log.error("exception in the event loop", {{"error", thrown.what()}});
        }
    }
}

}  // namespace vminit::shim

// SPDX-License-Identifier: Apache-2.0
#include "bench/rpc.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "bench/caller.hpp"
#include "ttrpc/fixture_program.hpp"
#include "ttrpc/fixture_service.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view text = "a container's id or so";

unique_fd connect_to(const std::string& path) {
    unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) give_up("connect");
    return socket;
}

caller echo_caller(const std::string& path, std::size_t bytes) {
    std::string text(bytes, 'x');
    auto payload = test::payload(1, text).SerializeAsString();
    return caller(connect_to(path), "t.S", "Echo", payload, [text](std::string_view answer) {
        t::EchoPayload echoed;
        return echoed.ParseFromArray(answer.data(), static_cast<int>(answer.size())) && echoed.seq() == 2 &&
               echoed.msg() == text;
    });
}

awaitable<void> call_often(t::SClient& stub, unsigned count, unsigned& failures) {
    for (unsigned i = 0; i < count; ++i) {
        auto answer = co_await stub.Echo(test::payload(1, std::string(text)));
        if (!answer || answer->seq() != 2) ++failures;
    }
}

awaitable<void> call_all(std::string path, unsigned count, unsigned depth, logger& log, unsigned& failures) {
    auto socket = co_await ttrpc::connect(ttrpc::address::unix_socket(std::move(path)), 5s);
    if (!socket) give_up("connect");
    ttrpc::client connection(std::move(*socket), log);
    t::SClient stub(connection);
    task_group callers(co_await asio::this_coro::executor, log);
    for (unsigned i = 0; i < depth; ++i) callers.spawn("calls", call_often(stub, count / depth, failures));
    co_await callers.join();
}

std::string read_line(int fd) {
    std::string line;
    for (char letter = 0; ::read(fd, &letter, 1) == 1 && letter != '\n';) line += letter;
    return line;
}

// A server that runs until this goes.
struct running_server {
    explicit running_server(const words& command)
        : in(syscalls::pipe().value()), out(syscalls::pipe().value()), process(command, std::move(in.read_end), std::move(out.write_end)) {
        if (read_line(out.read_end.get()) != "ready") give_up(command[0] + " does not get ready");
    }

    syscalls::pipe_pair in, out;
    child process;
};

}  // namespace

void serve(const std::string& path) {
    if (!test::serve_fixture(path)) give_up("listen");
}

void call(const std::string& path, unsigned count, unsigned depth) {
    asio::io_context ctx{1};
    unsigned failures = 0;
    task_group tasks(ctx.get_executor(), log_of(ctx));
    tasks.spawn("calls", call_all(path, count, depth, log_of(ctx), failures));
    ctx.run();
    if (failures != 0) give_up("calls failed");
}

double server_cost(const words& server, const std::string& path, const call_plan& plan) {
    running_server measured(server);
    auto calls = echo_caller(path, plan.bytes);
    calls.call(plan.count / 10 + 1, plan.depth);
    auto begin = measured.process.cpu_ns();
    calls.call(plan.count, plan.depth);
    return (measured.process.cpu_ns() - begin) / plan.count;
}

double client_cost(const words& client, const std::string& path, unsigned count) {
    running_server answers(words{"/proc/self/exe", "serve", path});
    auto idle = syscalls::pipe().value();
    return child(client, std::move(idle.read_end), unique_fd(::dup(STDERR_FILENO))).wait() / count;
}

}  // namespace vminit::bench

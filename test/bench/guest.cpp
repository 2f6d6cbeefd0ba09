// SPDX-License-Identifier: Apache-2.0
#include "bench/guest.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

#include "bench/caller.hpp"
#include "bench/child.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t clock_port = 1099;  // guests/start.c

awaitable<void> open(ttrpc::address where, unique_fd& opened) {
    auto socket = co_await ttrpc::connect(where, 30s);
    if (!socket) give_up(where.to_string() + ": " + socket.error().message());
    opened = unique_fd(socket->release());
}

unique_fd connect_to(const ttrpc::address& where) {
    asio::io_context ctx{1};
    task_group tasks(ctx.get_executor(), log_of(ctx));
    unique_fd opened;
    tasks.spawn("connect", open(where, opened));
    ctx.run();
    auto flags = ::fcntl(opened.get(), F_GETFL);
    if (::fcntl(opened.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) give_up("fcntl");
    return opened;
}

double cpu_ns(const ttrpc::address& guest) {
    auto where = guest.kind() == ttrpc::transport_kind::hvsock ? ttrpc::address::hvsock(guest.path(), clock_port)
                                                               : ttrpc::address::vsock(guest.cid(), clock_port);
    auto socket = connect_to(where);
    std::int64_t now = 0;
    if (::read(socket.get(), &now, sizeof(now)) != sizeof(now)) give_up("PID 1's clock");
    return static_cast<double>(now);
}

}  // namespace

double guest_cpu(const std::string& address) { return cpu_ns(ttrpc::address::parse(address).value()); }

double take(const std::string& address, char letter) {
    auto socket = connect_to(ttrpc::address::parse(address).value());
    if (::write(socket.get(), &letter, 1) != 1) give_up("write");
    std::string block(std::size_t{1} << 20, '\0');
    double all = 0;
    for (ssize_t got = 0; (got = ::read(socket.get(), block.data(), block.size())) > 0;)
        all += static_cast<double>(got);
    return all;
}

double guest_cost(const std::string& address, const std::string& service, const std::string& method, unsigned count) {
    auto where = ttrpc::address::parse(address).value();
    caller calls(connect_to(where), service, method, {}, [](std::string_view) { return true; });
    calls.call(count / 10 + 1, 1);
    auto begin = cpu_ns(where);
    calls.call(count, 1);
    return (cpu_ns(where) - begin) / count;
}

}  // namespace vminit::bench

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "echo.ttrpc.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"
#include "vminit/ttrpc/server_service.hpp"

// A guest agent of the ttrpc layer alone.
//
//   echo_agent serve ADDRESS        until SIGTERM
//   echo_agent call ADDRESS TEXT    asks it

using namespace vminit;
using namespace std::chrono_literals;

namespace {

class echo : public sample::echo::v1::EchoService {
    awaitable<result<sample::echo::v1::SayResponse>> Say(ttrpc::call_context&,
                                                         sample::echo::v1::SayRequest request) override {
        if (request.text().empty()) co_return error(errc::invalid_argument, "text is empty");
        sample::echo::v1::SayResponse response;
        response.set_text(request.text());
        co_return response;
    }

    awaitable<result<void>> Count(ttrpc::call_context&, sample::echo::v1::SayRequest request,
                                  ttrpc::writer<sample::echo::v1::SayResponse>& output) override {
        for (unsigned number = 1; number <= request.times(); ++number) {
            sample::echo::v1::SayResponse response;
            response.set_text(fmt::format("{} {}", request.text(), number));
            auto written = co_await output.write(response);
            if (!written) co_return written.error();
        }
        co_return result<void>();
    }
};

awaitable<void> serve_until_told(asio::io_context& context) {
    asio::basic_signal_set<executor> signals(context.get_executor(), SIGTERM, SIGINT);
    co_await signals.async_wait(use_awaitable);
    auto& server = asio::use_service<ttrpc::server_service>(context);
    co_await server.shutdown(1s);
    server.close();
    co_await server.join();
}

int serve(asio::io_context& context, const ttrpc::address& where) {
    auto& server = asio::use_service<ttrpc::server_service>(context);
    server.add(std::make_shared<echo>());
    auto listening = server.listen(where);
    if (!listening) {
        fmt::print(stderr, "{}\n", listening.error().message());
        return 1;
    }
    task_group tasks(context.get_executor(), log_of(context));
    tasks.spawn("serve", serve_until_told(context));
    fmt::print("serving\n");
    std::fflush(stdout);
    context.run();
    return 0;
}

void print(const result<sample::echo::v1::SayResponse>& answer) {
    fmt::print("{}\n", answer ? answer->text() : answer.error().message());
}

awaitable<void> ask(asio::io_context& context, ttrpc::address where, std::string text) {
    auto socket = co_await ttrpc::connect(where, 10s);
    if (!socket) {
        fmt::print("{}\n", socket.error().message());
        co_return;
    }
    ttrpc::client peer(std::move(*socket), log_of(context));
    sample::echo::v1::EchoClient stub(peer);
    sample::echo::v1::SayRequest request;
    print(co_await stub.Say(request));
    request.set_text(std::move(text));
    print(co_await stub.Say(request));
    request.set_times(2);
    auto numbers = stub.Count(request);
    while (numbers) {
        auto next = co_await numbers->read();
        if (!next || !*next) break;
        fmt::print("{}\n", (*next)->text());
    }
}

int call(asio::io_context& context, const ttrpc::address& where, std::string text) {
    task_group tasks(context.get_executor(), log_of(context));
    tasks.spawn("ask", ask(context, where, std::move(text)));
    context.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string verb = argc > 2 ? argv[1] : "";
    auto where = ttrpc::address::parse(argc > 2 ? argv[2] : "");
    asio::io_context context{1};
    if (where && verb == "serve") return serve(context, *where);
    if (where && verb == "call" && argc > 3) return call(context, *where, argv[3]);
    fmt::print(stderr, "usage: echo_agent serve ADDRESS | call ADDRESS TEXT\n");
    return 2;
}

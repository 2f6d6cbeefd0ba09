// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

#include "fuzz/input.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::test {

/// A context with a ttrpc server that logs to nobody.
class fuzzed_server {
public:
    fuzzed_server() {
        asio::make_service<log_service>(context, logger([](log_level, std::string_view) {}, log_level::debug));
        asio::make_service<ttrpc::server_service>(context, small_limits());
    }
    ~fuzzed_server() {
        server().close();
        context.poll();
    }

    ttrpc::server_service& server() { return asio::use_service<ttrpc::server_service>(context); }

    /// Serves one connection that sends `bytes`, in two pieces cut at `cut`, and then no more; reads all answers.
    /// Returns when the connection and its calls have ended, as they must.
    void exchange(std::string_view bytes, std::size_t cut) {
        int ends[2];
        require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "a socket pair");
        unique_fd client(ends[0]);
        auto served = ttrpc::adopt_socket(context.get_executor(), unique_fd(ends[1]), AF_UNIX);
        server().serve(std::move(*served), ttrpc::peer_identity());
        send(client.get(), bytes.substr(0, cut));
        send(client.get(), bytes.substr(std::min(cut, bytes.size())));
        ::shutdown(client.get(), SHUT_WR);
        while (server().counters().connections != 0 || server().counters().calls != 0) turn(client.get());
    }

    /// For what goes on when the calls have ended. libFuzzer's own limit ends a wait for what never comes.
    void run_until(const std::function<bool()>& is_met) {
        while (!is_met()) {
            context.restart();
            context.run_one_for(std::chrono::milliseconds(10));
        }
    }

    asio::io_context context{1};

private:
    // So small that short inputs come to them.
    static ttrpc::server_limits small_limits() {
        ttrpc::server_limits limits;
        limits.calls_per_connection = 8;
        limits.request_bytes = limits.frame_bytes = limits.input_bytes = limits.output_bytes = 2000;
        limits.reader_patience = clock::duration(1);
        return limits;
    }

    // libFuzzer's own limit ends a loop that never does.
    void turn(int client) {
        context.restart();
        context.poll();
        std::array<char, 65536> answers;
        while (::read(client, answers.data(), answers.size()) > 0) {
        }
    }

    void send(int client, std::string_view bytes) {
        while (!bytes.empty()) {
            auto sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
            turn(client);
            if (sent < 0 && server().counters().connections == 0) return;  // it was too much for the server
        }
    }
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "probe.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

using namespace std::chrono_literals;

namespace {

constexpr clock::duration retry_pause = 20ms;  // what hosts use: a guest that boots is seen as soon as it serves
// A connection made before the guest has its driver may hang for good; vhost-device-vsock stops working when one is
// closed before a slow guest has answered it.
constexpr clock::duration attempt_limit = 5s;

struct ping_options {
    int count = 1;
    double wait = 0;
};

double milliseconds(clock::duration span) { return std::chrono::duration<double, std::milli>(span).count(); }

awaitable<result<clock::duration>> ping_once(client_session& guest, clock::duration limit) {
    auto socket = co_await connect_to(guest.options().address, limit);
    if (!socket) co_return socket.error();
    co_return co_await probe(*socket, limit);
}

// Until the guest answers or `deadline` has passed; then the last failure.
awaitable<result<clock::duration>> ping_until(client_session& guest, clock::time_point deadline) {
    for (;;) {
        auto limit = std::min(attempt_limit, guest.options().call_limit());
        auto answered = co_await ping_once(guest, limit);
        bool is_hopeless = !answered && answered.error().kind() == errc::invalid_argument;
        if (answered || is_hopeless || clock::now() + retry_pause >= deadline) co_return answered;
        co_await sleep_for(retry_pause);
    }
}

awaitable<result<int>> ping(client_session& guest, ping_options options) {
    auto wait = std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(options.wait));
    auto deadline = clock::now() + wait;
    for (int number = 0; number < options.count; ++number) {
        if (number > 0) co_await sleep_for(1s);
        bool is_patient = number == 0 && options.wait > 0;
        result<clock::duration> took = error(errc::unknown);
        if (is_patient) {
            took = co_await ping_until(guest, deadline);
        } else {
            took = co_await ping_once(guest, guest.options().call_limit());
        }
        if (!took) co_return took.error();
        record facts{{"address", guest.options().address}, {"ms", milliseconds(*took)}};
        guest.out().line(facts, fmt::format("{}: {:.3f} ms", guest.options().address, milliseconds(*took)));
    }
    co_return 0;
}

}  // namespace

void add_ping(command_set& commands) {
    auto options = std::make_shared<ping_options>();
    auto run = [options](client_session& guest) { return ping(guest, *options); };
    auto& command = commands.add("ping", "ask whether the guest answers, and how fast", run,
                                 command_traits{needs::nothing, status_of::command, true});
    command.add_option("--wait", options->wait, "seconds to keep trying until it answers")
        ->check(CLI::Range(0.0, 86400.0));
    command.add_option("-c,--count", options->count, "how many times, a second apart")->check(CLI::Range(1, 1000000));
}

}  // namespace vminit::vminitctl

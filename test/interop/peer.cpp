// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "ttrpc/fixture_program.hpp"
#include "ttrpc/fixture_service.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

// Our side of the exchange with other implementations: `peer server PATH` serves t.S until standard input ends,
// `peer client PATH` checks a server of it.

using namespace vminit;
using namespace std::chrono_literals;
using test::payload;

namespace {

unsigned failures = 0;

void expect(bool is_met, const std::string& what) {
    fmt::print("{}: {}\n", is_met ? "ok" : "FAILED", what);
    if (!is_met) ++failures;
}

awaitable<void> check_unary(t::SClient& stub) {
    auto answer = co_await stub.Echo(payload(1, "hi"));
    expect(answer && answer->seq() == 2 && answer->msg() == "hi", "unary");
    auto failed = co_await stub.Fail(payload(0));
    expect(!failed && failed.error() == error(errc::not_found, "container x"), "status");
    // Rust's generated servers know every method of the service, and answer not_found.
    auto unknown = co_await stub.Stubborn(payload(0));
    bool is_known = !unknown && unknown.error().kind() == errc::not_found;
    expect(is_known || (!unknown && unknown.error().kind() == errc::not_implemented), "unknown method");
    ttrpc::call_options options(5s);
    options.metadata.append("Foo", "1");
    options.metadata.append("foo", "2");
    auto values = co_await stub.Metadata(payload(0, "foo"), options);
    expect(values && values->msg() == "1,2", "metadata");
}

awaitable<void> check_deadline(t::SClient& stub) {
    ttrpc::call_options options(50ms);
    auto late = co_await stub.Sleep(payload(5000), options);
    expect(!late && late.error().kind() == errc::deadline_exceeded, "deadline");
    auto next = co_await stub.Echo(payload(1));
    expect(next.has_value(), "after it");
}

awaitable<void> check_sizes(t::SClient& stub) {
    // Rust's servers put a status into every response.
    constexpr std::size_t most = 4194304 - 12;
    auto largest = co_await stub.Big(payload(most));
    expect(largest && largest->msg().size() == most, "largest response");
    std::string too_large(std::size_t{5} << 20, 'a');
    auto refused = co_await stub.Echo(payload(1, too_large));
    expect(!refused && refused.error().kind() == errc::resource_exhausted, "request too large");
}

awaitable<void> check_bidi(t::SClient& stub) {
    auto stream = stub.Bidi();
    bool all = stream.has_value();
    for (int seq = 0; all && seq < 200; ++seq) {
        auto written = co_await stream->write(payload(seq));
        auto answer = co_await stream->read();
        all = written && answer && *answer && (*answer)->seq() == seq + 1;
    }
    expect(all, "bidi");
    expect(all && stream->close_send(), "half-close");
    auto last = co_await stream->read();
    expect(last && !*last, "end");
}

awaitable<void> check_one_way_streams(t::SClient& stub) {
    auto upload = stub.Sum();
    for (int seq = 1; upload && seq <= 1000; ++seq) co_await upload->write(payload(seq));
    auto total = co_await upload->finish();
    expect(total && total->seq() == 500500 && total->msg() == "1000", "client stream");
    for (const char* ending : {"", "abort"}) {
        auto download = stub.Gen(payload(50, ending));
        bool all = download.has_value();
        for (int seq = 0; all && seq < 50; ++seq) {
            auto answer = co_await download->read();
            all = answer && *answer && (*answer)->seq() == seq;
        }
        auto last = co_await download->read();
        bool has_ended = *ending == '\0' ? last && !*last : !last && last.error() == error(errc::aborted, "gen");
        expect(all && has_ended, "server stream");
    }
}

awaitable<void> echo_often(t::SClient& stub, unsigned& good) {
    for (int i = 0; i < 50; ++i) {
        auto answer = co_await stub.Echo(payload(i));
        if (answer && answer->seq() == i + 1) ++good;
    }
}

awaitable<void> echo_large(t::SClient& stub, unsigned& good) {
    auto answer = co_await stub.Echo(payload(1, std::string(std::size_t{64} << 10, 'a')));
    if (answer && answer->msg().size() == std::size_t{64} << 10) ++good;
}

awaitable<void> check_all(std::string path, logger& log) {
    auto socket = co_await ttrpc::connect(ttrpc::address::unix_socket(std::move(path)), 5s);
    expect(socket.has_value(), "connect");
    if (!socket) co_return;
    ttrpc::client connection(std::move(*socket), log);
    t::SClient stub(connection);
    co_await check_unary(stub);
    co_await check_deadline(stub);
    co_await check_sizes(stub);
    co_await check_bidi(stub);
    co_await check_one_way_streams(stub);
    auto ex = co_await asio::this_coro::executor;
    task_group workers(ex, log);
    unsigned good = 0;
    for (int i = 0; i < 64; ++i) workers.spawn("echo", echo_often(stub, good));
    co_await workers.join();
    expect(good == 64 * 50, "concurrent");
    good = 0;
    for (int i = 0; i < 128; ++i) workers.spawn("echo", echo_large(stub, good));
    co_await workers.join();
    expect(good == 128, "eight megabytes at once both ways");
}

int serve(const std::string& path) {
    auto served = test::serve_fixture(path);
    if (!served) fmt::print(stderr, "peer: {}\n", served.error().message());
    return served ? 0 : 1;
}

int check(const std::string& path) {
    asio::io_context ctx{1};
    task_group tasks(ctx.get_executor(), log_of(ctx));
    tasks.spawn("checks", check_all(path, log_of(ctx)));
    ctx.run();
    return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) {
    std::vector<std::string> words(argv, argv + argc);
    if (argc == 3 && words[1] == "server") return serve(words[2]);
    if (argc == 3 && words[1] == "client") return check(words[2]);
    fmt::print(stderr, "usage: peer client|server PATH\n");
    return 2;
}

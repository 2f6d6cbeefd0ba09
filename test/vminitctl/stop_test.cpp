// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <boost/asio/post.hpp>

#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::fake_process;
namespace json = boost::json;

namespace {

using console = test::program;
using calls = std::vector<std::string>;

// A container that runs, as of another client.
void begin(console& terminal, test::script process) {
    terminal.guest.process = std::move(process);
    REQUIRE(terminal.guest.add_process("web", "", "", "", ""));
    terminal.guest.start_process("web", "");
}

awaitable<std::uint32_t> obey(fake_process& process) { co_return 128 + co_await process.next_signal(); }

awaitable<std::uint32_t> resist(fake_process& process) {
    while (co_await process.next_signal() != SIGKILL) {
    }
    co_return 137;
}

}  // namespace

TEST_CASE("stop sends TERM and tells how it ended", "[vminitctl]") {
    console terminal;
    begin(terminal, obey);
    CHECK(terminal.run({"stop", "web", "--json"}) == 0);
    CHECK(terminal.guest.calls == calls{"Wait web", "Kill web 15"});
    auto answer = terminal.out_json();
    CHECK(answer.at("ended_by") == json::value("TERM"));
    CHECK(answer.at("exit_status") == json::value(143));
}

TEST_CASE("stop kills what resists, with all its processes", "[vminitctl]") {
    console terminal;
    begin(terminal, resist);
    CHECK(terminal.run({"stop", "web", "--time", "0", "-s", "INT"}) == 0);
    CHECK(terminal.guest.calls == calls{"Wait web", "Kill web 2", "Kill web 9 all"});
    CHECK_THAT(terminal.output.out_text(), Catch::Matchers::EndsWith(" KILL\n"));
}

TEST_CASE("stop knows the signal also when the end overtakes the answer to it", "[vminitctl]") {
    console terminal;
    begin(terminal, [](fake_process&) -> awaitable<std::uint32_t> { co_return 143; });
    terminal.guest.before["Kill"] = [&]() -> awaitable<void> {
        for (int turn = 0; turn < 1000; ++turn) co_await asio::post(terminal.io.ex(), use_awaitable);
    };
    CHECK(terminal.run({"stop", "web", "--json"}) == 0);
    CHECK(terminal.out_json().at("ended_by") == json::value("TERM"));
}

TEST_CASE("stop of what has ended already says so", "[vminitctl]") {
    console terminal;
    begin(terminal, [](fake_process&) -> awaitable<std::uint32_t> { co_return 3; });
    terminal.guest.failures["Kill"] = error(errc::not_found, "process already finished");
    CHECK(terminal.run({"stop", "web", "--json"}) == 0);
    auto answer = terminal.out_json();
    CHECK(answer.at("exit_status") == json::value(3));
    CHECK(answer.at("ended_by").is_null());
}

TEST_CASE("stop fails when the guest does not send the signal, or the process does not end", "[vminitctl]") {
    console terminal;
    begin(terminal, [](fake_process& process) -> awaitable<std::uint32_t> {
        for (;;) (void)co_await process.next_signal();
    });
    CHECK(terminal.run({"stop", "web", "--time", "0", "--timeout", "0.01"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: context deadline exceeded: it has not ended after SIGKILL\n");
    terminal.guest.failures["Kill"] = error(errc::internal, "no");
    CHECK(terminal.run({"stop", "web"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: internal: no\n");
}

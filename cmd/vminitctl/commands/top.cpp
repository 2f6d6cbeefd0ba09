// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "task_calls.hpp"
#include "terminal.hpp"
#include "usage_meter.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::string_view clear_screen = "\x1b[H\x1b[2J";

struct top_options {
    std::vector<std::string> ids;
    double interval = 1;
    std::uint64_t rounds = 0;  // 0 = no end
};

// Containers that are gone leave `ids`.
awaitable<result<std::vector<record>>> measure(client_session& guest, usage_meter& meter,
                                               std::vector<std::string>& ids) {
    std::vector<record> rows;
    std::vector<std::string> left;
    for (std::size_t index = 0; index < ids.size(); ++index) {
        auto metrics = co_await container_metrics(guest, ids[index]);
        bool is_gone = !metrics && metrics.error().kind() == errc::not_found;
        if (is_gone) continue;
        if (!metrics) co_return metrics.error();
        rows.push_back(meter.row(ids[index], *metrics, clock::now()));
        left.push_back(ids[index]);
    }
    ids = std::move(left);
    co_return std::move(rows);
}

awaitable<result<int>> top(client_session& guest, top_options options) {
    auto interval = std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(options.interval));
    bool is_screen = is_terminal(guest.local().out);
    usage_meter meter;
    for (std::uint64_t round = 1;; ++round) {
        auto rows = co_await measure(guest, meter, options.ids);
        if (!rows) co_return rows.error();
        if (round == 1 && rows->empty()) co_return error(errc::not_found, "none of these containers is there");
        if (is_screen) guest.out().say(clear_screen);
        guest.out().answers(*rows, usage_meter::titles);
        if (rows->empty() || round == options.rounds || !guest.out().can_write()) co_return 0;
        co_await sleep_for(interval);
    }
}

}  // namespace

void add_top(command_set& commands) {
    auto options = std::make_shared<top_options>();
    auto& command = commands.add(
        "top", "what containers use, again and again until they are gone",
        [options](client_session& guest) { return top(guest, *options); },
        command_traits{needs::guest, status_of::command, true});
    command.add_option("ID", options->ids, "the containers")->required();
    command.add_option("--interval", options->interval, "seconds between two looks")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    command.add_option("-n,--rounds", options->rounds, "stop after this many looks");
}

}  // namespace vminit::vminitctl

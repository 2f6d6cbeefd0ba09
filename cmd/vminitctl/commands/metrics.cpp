// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "metrics_lines.hpp"

namespace vminit::vminitctl {

namespace {

// The guest's text goes to a terminal perhaps: only its line ends may be more than letters.
std::string safe(std::string_view text) {
    std::string lines;
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        lines += printable(line) + "\n";
    }
    return lines;
}

awaitable<result<int>> metrics(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.Metrics(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    guest.out().say(safe(answer->text()));
    record facts{{"metrics", metric_samples(answer->text())}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_metrics(command_set& commands) {
    auto& command = commands.add("metrics", "what the guest has counted, as Prometheus reads it",
                                 [](client_session& guest) { return metrics(guest); });
    command.footer("For a scraper: write it to a file that node_exporter's textfile collector reads.");
}

}  // namespace vminit::vminitctl

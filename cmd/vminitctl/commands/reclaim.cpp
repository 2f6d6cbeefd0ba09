// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "quantity.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::vminitctl {

namespace {

namespace wire = vminit::system::v1;

struct reclaim_options {
    std::string id;
    std::uint64_t bytes = 0;
    bool skips_compaction = false;
};

field change_of(std::string_view name, std::uint64_t before, std::uint64_t after) {
    boost::json::object value{{"before", before}, {"after", after}};
    return field(name, std::move(value), format_bytes(before) + " -> " + format_bytes(after));
}

awaitable<result<int>> reclaim(client_session& guest, reclaim_options options) {
    wire::ReclaimRequest request;
    request.set_id(options.id);
    request.set_bytes(options.bytes);
    request.set_skip_compaction(options.skips_compaction);
    wire::MachineClient machine(guest.rpc());
    auto answer = co_await machine.Reclaim(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    const auto& before = answer->before();
    const auto& after = answer->after();
    record facts{change_of("free", before.free(), after.free()),
                 change_of("available", before.available(), after.available()),
                 change_of("cached", before.cached(), after.cached())};
    if (!options.id.empty()) {
        facts.insert(facts.begin(), change_of("container", answer->container_before(), answer->container_after()));
    }
    if (guest.out().is_json()) facts.emplace_back("stopped", answer->stopped());
    guest.out().answer(facts);
    for (const auto& remark : answer->remarks()) guest.out().warn(remark);
    if (answer->stopped()) guest.out().warn("stopped after 10 s: there may be more to have");
    co_return 0;
}

}  // namespace

void add_reclaim(command_set& commands) {
    auto options = std::make_shared<reclaim_options>();
    auto& command = commands.add("reclaim", "make the guest give up caches, and lay its free memory together",
                                 [options](client_session& guest) { return reclaim(guest, *options); });
    command.add_option("--id", options->id, "only what this container uses");
    add_parsed(command, "--bytes", options->bytes, parse_bytes, "so much, 64M or 1G; default: all that can be");
    command.add_flag("--no-compaction", options->skips_compaction, "leave free memory where it is");
    command.footer(
        "Free memory goes back to the host where the VMM's balloon reports free pages (free-page-reporting=on).");
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "event_text.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace {

struct events_options {
    std::uint64_t after = 0;
    std::uint64_t count = 0;  // 0 = no end
    std::string until;
    std::string container;
    double limit = 0;  // seconds; 0 = none
    bool follow = true;
    bool consume = false;
};

namespace wire = spinbox::services::vmevents::v1;
using event_stream = ttrpc::duplex_stream<wire::StreamRequest, containerd::types::Envelope>;

bool is_about(const containerd::types::Envelope& envelope, const std::string& container) {
    if (container.empty()) return true;
    for (const auto& fact : event_facts(envelope.event())) {
        if (fact.key == "container_id" && fact.value == boost::json::value(container)) return true;
    }
    return false;
}

awaitable<result<int>> print_events(client_session& guest, event_stream& stream, events_options options) {
    for (std::uint64_t printed = 0;;) {
        auto envelope = co_await stream.read();
        if (!envelope) co_return envelope.error();
        if (!*envelope) co_return error(errc::unavailable, "the guest ended the event stream");
        const auto& event = **envelope;
        if (!is_about(event, options.container)) continue;
        guest.out().line(envelope_facts(event), event_line(event));
        bool is_last = event.topic() == options.until || ++printed == options.count;
        if (is_last || !guest.out().can_write()) co_return 0;
    }
}

awaitable<result<int>> events(client_session& guest, events_options options) {
    wire::StreamRequest request;
    request.set_after_sequence(options.after);
    request.set_observe(!options.consume);
    // With the request itself: the guest must not take us for a host for a moment.
    auto opened = guest.rpc().open_stream(wire::EventsService::service_name, "Stream", ttrpc::method_kind::bidi, &request,
                                          guest.no_limit());
    if (!opened) co_return opened.error();
    event_stream stream(std::move(*opened));
    if (options.limit <= 0) co_return co_await print_events(guest, stream, options);
    auto limit = std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(options.limit));
    auto outcome = co_await with_timeout(print_events(guest, stream, options), limit, "events");
    // Only who waits for something has missed it.
    bool is_satisfied = options.until.empty() && options.count == 0;
    if (!outcome && outcome.error().kind() == errc::deadline_exceeded && is_satisfied) co_return 0;
    co_return outcome;
}

}  // namespace

void add_events(command_set& commands) {
    auto options = std::make_shared<events_options>();
    auto& command = commands.add(
        "events", "print the guest's events as they happen",
        [options](client_session& guest) { return events(guest, *options); },
        command_traits{needs::guest, status_of::command, true});
    command.add_flag("-f,--follow", options->follow, "go on until interrupted (the default)");
    command.add_option("--after", options->after, "start after this sequence number, if the guest still has it");
    command.add_flag("--consume", options->consume, "take the events as a host does: they are not kept for the next one");
    command.add_option("--exit-after", options->count, "exit after this many events");
    command.add_option("--until", options->until, "exit after an event of this topic, e.g. /tasks/exit");
    command.add_option("--container", options->container, "only events of this container");
    command
        .add_option("--limit", options->limit,
                    "exit after this many seconds; with --until or --exit-after that is an error")
        ->check(CLI::Range(0.0, 86400.0));
}

}  // namespace vminit::vminitctl

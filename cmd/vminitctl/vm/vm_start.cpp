// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/json.hpp>

#include "inherited_descriptor.hpp"
#include "vm/keeper_report.hpp"
#include "vm/vm_commands.hpp"
#include "vm/vm_keeper.hpp"
#include "vminit/core/file.hpp"
#include "vminit/reaper/spawn.hpp"

namespace vminit::vminitctl {

namespace {

constexpr int report_descriptor = 3;
constexpr std::string_view level = "warn  ";
constexpr std::size_t largest_report = std::size_t{1} << 20;

// Ours, with an option more: the keeper takes the others as we have taken them.
result<std::vector<std::string>> keeper_command() {
    auto text = read_file("/proc/self/cmdline");
    if (!text) return text.error();
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < text->size();) {
        auto end = text->find('\0', begin);
        words.push_back(text->substr(begin, end - begin));
        begin = end == std::string::npos ? text->size() : end + 1;
    }
    words.push_back("--report=" + std::to_string(report_descriptor));
    return words;
}

result<void> spawn_keeper(int report) {
    auto command = keeper_command();
    if (!command) return command.error();
    reaper::spawn_options options("/proc/self/exe", std::move(*command));
    options.group = reaper::process_group::own_session;
    options.extra_fds = {{report_descriptor, report}};
    auto started = reaper::spawn(options);
    if (!started) return started.error();
    return {};
}

awaitable<result<keeper_report>> read_report(ttrpc::stream_socket socket) {
    std::string line;
    auto [failure, size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(line, largest_report), '\n', as_tuple_awaitable);
    if (failure) co_return error(errc::internal, "the VM's keeper has ended without a word");
    co_return parse_report(std::string_view(line).substr(0, size));
}

void show_notes(client_session& session, const keeper_report& report) {
    if (session.out().is_json()) return;
    std::string_view notes = report.notes;
    while (!notes.empty()) {
        auto end = notes.find('\n');
        // A line of the log begins with its level.
        auto line = notes.substr(0, end);
        session.out().warn(line.starts_with(level) ? line.substr(level.size()) : line);
        notes.remove_prefix(end == std::string_view::npos ? notes.size() : end + 1);
    }
}

// The sentence, then what a reader may want to know.
void show_failure(client_session& session, const keeper_report& report) {
    session.out().fail(failure_of(report));
    if (!session.out().is_json()) (void)write_fully(session.local().err, details_of(report), "stderr");
}

}  // namespace

awaitable<result<int>> start_vm(client_session& session) {
    auto begun = clock::now();
    auto pair = ttrpc::connected_pair(session.context().get_executor());
    if (!pair) co_return pair.error();
    if (auto spawned = spawn_keeper(pair->second.get()); !spawned) co_return spawned.error();
    pair->second.reset();
    auto report = co_await read_report(std::move(pair->first));
    if (!report) co_return report.error();
    show_notes(session, *report);
    if (report->kind != 0) show_failure(session, *report);
    if (report->kind != 0) co_return exit_failure;
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begun);
    record facts{{"address", report->rpc},
                 {"stream_address", report->streams},
                 {"directory", report->directory},
                 {"pid", report->pid},
                 {"ms", took.count()}};
    session.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> keep_vm(client_session& session, vm_request request, int report) {
    vm_keeper keeper(session, std::move(request), unique_fd(report));
    co_return co_await keeper.run();
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "departure.hpp"
#include "file_copy.hpp"

namespace vminit::vminitctl {

namespace {

struct cp_options {
    copy_options copy;
    bool is_archive = false;
};

awaitable<result<int>> cp(client_session& guest, cp_options options) {
    if (options.is_archive) options.copy.owners = owner_policy::keep;
    // A signal ends it by way of its end: a file that is not whole goes.
    departure leaving(guest.context());
    std::function<void(int)> on_signal = [&leaving](int signal) {
        if (signal != SIGWINCH && signal != SIGCONT) leaving.tell(signal, clock::duration::zero());
    };
    auto copied = co_await leaving.watch(copy_files(guest, options.copy), std::move(on_signal));
    if (leaving.is_told()) co_return leaving.status();
    if (!copied) co_return copied.error();
    record facts{{"entries", copied->entries}, {"bytes", copied->bytes}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

result<void> check_options(const cp_options& options) {
    if (options.copy.from.container.empty() != options.copy.to.container.empty()) return {};
    return error(errc::invalid_argument, "exactly one of FROM and TO is ID:PATH, a place in a container");
}

}  // namespace

void add_cp(command_set& commands) {
    auto options = std::make_shared<cp_options>();
    auto& command = commands.add("cp", "copy files into a container or out of it",
                                 [options](client_session& guest) { return cp(guest, *options); });
    add_parsed(command, "FROM", options->copy.from, parse_copy_place, "ID:PATH, or a path of this machine")->required();
    add_parsed(command, "TO", options->copy.to, parse_copy_place, "the other of them")->required();
    command.add_flag("-a,--archive", options->is_archive, "keep owners and set-user-id bits");
    command.add_flag("-L,--follow-link", options->copy.follow, "copy what FROM leads to, if it is a symbolic link");
    commands.checks(command, [options] { return check_options(*options); });
    command.footer(
        "A directory is copied with what is below it, into TO if that is a directory, else as TO; with /. at its end, "
        "what "
        "is in it. A name with a colon needs a / before it: ./a:b. Links in the container lead no further than its "
        "root.");
}

}  // namespace vminit::vminitctl

// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "vm/process_end.hpp"
#include "vm/vm_commands.hpp"
#include "vm/vm_directory.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/vmm/vm_record.hpp"

namespace vminit::vminitctl {

using namespace std::chrono_literals;

namespace {

constexpr clock::duration end_limit = 15s;  // for a keeper that was told to end its VM at once: it kills after 5 s

awaitable<result<void>> wait_for_end(asio::io_context& context, const unique_fd& process) {
    co_await process_end(context, unique_fd(::dup(process.get())));
    co_return result<void>();
}

/// Says each signal in turn, with its limit. True when the first of them was enough.
awaitable<bool> end_keeper(client_session& session, unique_fd keeper, vm_stop_options options) {
    auto limit = std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(options.limit));
    if (!options.is_forced) {
        signal_process(keeper, SIGTERM);
        auto ended = co_await with_timeout(wait_for_end(session.context(), keeper), limit, "power-off");
        if (ended) co_return true;
    }
    signal_process(keeper, SIGINT);
    auto ended = co_await with_timeout(wait_for_end(session.context(), keeper), end_limit, "end");
    if (ended) co_return options.is_forced;
    // Its VMM goes with it.
    signal_process(keeper, SIGKILL);
    (void)co_await with_timeout(wait_for_end(session.context(), keeper), end_limit, "end");
    co_return false;
}

result<void> clear_away(const std::string& directory) {
    if (ownership_of(directory) == vm_ownership::none) return {};
    auto taken = vm_directory::take(directory);
    if (!taken) return taken.error();
    taken->remove();
    return {};
}

}  // namespace

awaitable<result<int>> stop_vm(client_session& session, vm_stop_options options) {
    auto settings = machine_settings();
    if (!settings) co_return settings.error();
    auto path = vm_path(*settings, options.name);
    if (!path) co_return path.error();
    auto owned = ownership_of(*path);
    auto known = vmm::read_record(*path);
    if (owned == vm_ownership::none && known)
        co_return error(errc::failed_precondition,
                        "the VM in " + *path + " is the containerd shim's: end its containers");
    if (owned == vm_ownership::none) co_return error(errc::not_found, "a VM in " + *path);
    std::string_view how = "was gone";
    if (owned == vm_ownership::kept) {
        if (!known) co_return error(errc::unavailable, "the VM in " + *path + " is just beginning or ending");
        auto keeper = open_process(known->keeper);
        // Only now: with the lock still held, the pid that was opened is the keeper's.
        bool is_keeper = ownership_of(*path) == vm_ownership::kept;
        bool in_order = true;
        if (is_keeper) in_order = co_await end_keeper(session, std::move(keeper), options);
        how = options.is_forced ? "ended" : in_order ? "powered off" : "ended, it did not power off in time";
    }
    if (auto cleared = clear_away(*path); !cleared) co_return cleared.error();
    record facts{{"directory", *path}, {"outcome", how}};
    session.out().answer(facts);
    co_return 0;
}

}  // namespace vminit::vminitctl

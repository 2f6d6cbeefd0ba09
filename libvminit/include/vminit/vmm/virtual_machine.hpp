// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// A VM that runs: what another VMM than QEMU would have to offer. Owned by who booted it; its end (also by the
/// destructor) ends the VMM and its helpers. Use from the context's thread.
class virtual_machine {
public:
    virtual_machine() = default;
    virtual_machine(const virtual_machine&) = delete;
    virtual_machine& operator=(const virtual_machine&) = delete;
    virtual ~virtual_machine() = default;

    /// Where the guest's RPC server and its stdio streams answer.
    virtual ttrpc::address rpc_address() const = 0;
    virtual ttrpc::address stream_address() const = 0;

    /// The VMM's process.
    virtual pid_t pid() const noexcept = 0;
    virtual bool has_ended() const noexcept = 0;

    /// Returns when the VMM has ended. Any number of waiters; cancellation as with `child::wait`.
    virtual awaitable<void> ended() = 0;

    /// Plugs a disk in; the guest sees it soon after. Errors: failed_precondition (no spare slot is left, or this board
    /// takes none), unknown with the VMM's text, deadline_exceeded.
    virtual awaitable<result<void>> add_disk(disk added) = 0;

    /// Takes a disk that `add_disk` plugged in out again, without waiting for the guest: its slot is free and its file
    /// is closed when the guest has let go of it. Errors: not_found, as above.
    virtual awaitable<result<void>> remove_disk(std::string serial) = 0;

    /// Shares a directory; the guest can mount it soon after. For as long as the VM runs: when the helper that serves
    /// it ends before, that is logged, the guest's calls to that file system wait for ever, and all else goes on.
    /// Errors: already_exists, not_implemented (the plan names no helper), as with `add_disk`.
    virtual awaitable<result<void>> add_share(share added) = 0;

    /// Returns when the helper of a share has ended while the VM runs. Any number of waiters; throws when cancelled.
    virtual awaitable<void> share_lost() = 0;

    /// Processors and memory that are plugged in, whether or not the guest uses them.
    virtual vm_size size() const noexcept = 0;

    /// Plugs in what is missing to `wanted`, or more: memory comes in pieces. Never takes anything out. The guest has
    /// them offline: its processors are numbered on, its memory ends at `memory_end`. Errors: failed_precondition
    /// (beyond the plan's `most`, no slot is left, this board cannot, or another call is under way), unknown with the
    /// VMM's text, deadline_exceeded. What had been plugged in before the error stays.
    virtual awaitable<result<void>> grow(vm_size wanted) = 0;

    /// The guest's physical address behind the last piece of memory that `grow` plugged in; 0: none.
    virtual std::uint64_t memory_end() const noexcept = 0;

    virtual awaitable<result<void>> pause() = 0;
    virtual awaitable<result<void>> resume() = 0;

    /// Asks the guest to power off in order, as the button of a machine does; `ended` tells when it has. Errors:
    /// unknown (this board has no such button), deadline_exceeded.
    virtual awaitable<result<void>> press_power_button() = 0;

    /// Waits `limit` for a VMM that ends by itself, then ends it. Returns when it and its helpers are gone.
    virtual awaitable<void> stop(clock::duration limit) = 0;

    /// The last lines of the guest's console, oldest first.
    virtual std::string console_tail(std::size_t lines) const = 0;
};

}  // namespace vminit::vmm

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "client_session.hpp"
#include "vm/vm_request.hpp"

namespace vminit::vminitctl {

/// The members of `vminitctl vm`; commands/vm.cpp has their options.

/// Starts a keeper (vm_keeper.hpp), a program like this one with the same command line, and returns when it has told
/// how the boot went. Who ends this program before ends the boot.
awaitable<result<int>> start_vm(client_session& session);

/// That keeper, whose report goes to the descriptor `report`.
awaitable<result<int>> keep_vm(client_session& session, vm_request request, int report);

struct vm_stop_options {
    std::string name = "vm";
    double limit = 20;  ///< seconds for the guest to power off in order; at most as long as a keeper waits for it
    bool is_forced = false;
};

/// Ends a VM, whatever it and its keeper are at, and removes what is left of it.
awaitable<result<int>> stop_vm(client_session& session, vm_stop_options options);

/// All VMs of this machine that this user can see, the containerd shim's too.
awaitable<result<int>> list_vms(client_session& session);

/// One, and whether its guest answers. Exit status: 0 it does, 3 it does not.
awaitable<result<int>> show_vm(client_session& session, std::string name);

/// What its guest has printed, and prints until it ends; with `is_once` only the first.
awaitable<result<int>> show_console(client_session& session, std::string name, bool is_once);

}  // namespace vminit::vminitctl

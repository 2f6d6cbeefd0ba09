// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "client_session.hpp"
#include "container_options.hpp"
#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "github.com/containerd/containerd/api/runtime/task/v3/shim.pb.h"

/// The calls several commands make, with our types for their requests.
namespace vminit::vminitctl {

/// One process of the guest: a container's init, or an exec.
struct process_key {
    process_key() = default;
    process_key(std::string id, std::string exec_id) : id(std::move(id)), exec_id(std::move(exec_id)) {}

    std::string id;
    std::string exec_id;  ///< empty = init
};

/// Where a process's stdio goes; empty = nowhere.
struct stdio_uris {
    stdio_uris() = default;
    stdio_uris(std::string in, std::string out, std::string err)
        : in(std::move(in)), out(std::move(out)), err(std::move(err)) {}

    std::string in;
    std::string out;
    std::string err;
};

enum class kill_target { process, all };

/// Whether this guest looks up `user`, if that is not empty: one that does not would run the process as root. Errors:
/// not_implemented, and those of System.Info.
awaitable<result<void>> check_user_name(client_session& guest, std::string user);

/// Bundle.Create, then Task.Create in that bundle. Returns init's pid. Errors also: of check_user_name, and
/// not_implemented for a container that needs an init which the guest does not have.
awaitable<result<std::uint32_t>> create_container(client_session& guest, container_request request, stdio_uris stdio,
                                                  bool terminal);

awaitable<result<containerd::task::v3::StateResponse>> process_state(client_session& guest, process_key key);

/// Task.Start. Returns the pid.
awaitable<result<std::uint32_t>> start_process(client_session& guest, process_key key);

/// Within `limit`, or within `--timeout` if that is shorter.
awaitable<result<void>> kill_process(client_session& guest, process_key key, std::uint32_t signal, kill_target target,
                                     clock::duration limit = clock::duration::max());

/// Task.Wait, as long as `limit` allows.
awaitable<result<containerd::task::v3::WaitResponse>> wait_process(client_session& guest, process_key key,
                                                                   ttrpc::call_options limit);

awaitable<result<containerd::task::v3::DeleteResponse>> delete_process(client_session& guest, process_key key);

/// Task.Stats of a cgroup v2 guest. Errors also: not_implemented for another kind of metrics.
awaitable<result<io::containerd::cgroups::v2::Metrics>> container_metrics(client_session& guest, std::string id);

}  // namespace vminit::vminitctl

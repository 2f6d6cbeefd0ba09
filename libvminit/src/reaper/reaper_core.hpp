// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/signal_set.hpp>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

#include "reaper/child_state.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::reaper {

/// The reaper's state, shared with the holds that may outlive a shut-down service.
class reaper_core : public std::enable_shared_from_this<reaper_core> {
public:
    explicit reaper_core(asio::io_context& context);

    /// Begins listening for SIGCHLD and collects what died before.
    void start();

    using known_children = std::map<pid_t, std::shared_ptr<child_state>>;
    using place = known_children::node_type;

    /// A place for a child that is yet to be made: once it is there nothing may fail, or it would be nobody's.
    place make_place(process_group group);
    std::shared_ptr<child_state> know(place where, spawned process) noexcept;
    result<std::shared_ptr<child_state>> adopt(pid_t pid);

    void take_hold() noexcept { ++counters_.holds; }
    void release_hold() noexcept;
    void shutdown() noexcept;

    reaper_counters& counters() noexcept { return counters_; }
    reaper_counters snapshot() const noexcept;

private:
    void listen();
    void reap();
    void reap_soon();
    void drain();
    void collect_known();
    bool collect(pid_t pid);
    void settle(pid_t pid, int wait_status);
    void keep(pid_t pid, exit_status status);
    bool is_overflowing();
    result<std::shared_ptr<child_state>> adopt_kept(pid_t pid);

    asio::io_context& context_;
    asio::basic_signal_set<executor> signals_;
    known_children known_;
    std::unordered_map<pid_t, exit_status> kept_;
    std::deque<pid_t> kept_order_;
    std::size_t wakeups_ = 0;  // SIGCHLDs seen during the present hold
    bool is_shut_down_ = false;
    reaper_counters counters_;
};

}  // namespace vminit::reaper

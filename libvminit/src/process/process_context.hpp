// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "process/io_environment.hpp"
#include "process/oom_watch.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::process {

/// What every container works with. Shared: a task may end after the service when the context goes down.
struct process_context {
    process_context(asio::io_context& where, process_config wanted)
        : context(where),
          log(log_of(where)),
          blocking(asio::use_service<blocking_service>(where)),
          reaper(asio::use_service<reaper::reaper_service>(where)),
          exchange(asio::use_service<events::exchange_service>(where)),
          runc(asio::use_service<runc::runc_service>(where)),
          ooms(asio::use_service<oom_watch_service>(where)),
          config(std::move(wanted)),
          io(where),
          tasks(std::make_unique<task_group>(where.get_executor(), log)) {
        io.limits = config.limits;
        io.handshake = config.dialect.handshake;
    }

    executor ex() const { return context.get_executor(); }

    asio::io_context& context;
    logger& log;
    blocking_service& blocking;
    reaper::reaper_service& reaper;
    events::exchange_service& exchange;
    runc::runc_service& runc;
    oom_watch_service& ooms;
    process_config config;
    io_environment io;
    std::unique_ptr<task_group> tasks;  // creations, starts, removals and the watches for exits
    bool is_going_down = false;
};

}  // namespace vminit::process

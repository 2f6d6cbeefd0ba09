// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "process/late_outputs.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/process/kept_output.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/streams/copier.hpp"
#include "vminit/streams/stream_service.hpp"

namespace vminit::process {

/// What the stdio of every process needs from its surroundings. Outlives all of them.
struct io_environment {
    explicit io_environment(asio::io_context& where)
        : context(where),
          log(log_of(where)),
          streams(asio::use_service<streams::stream_service>(where)),
          reaper(asio::use_service<reaper::reaper_service>(where)),
          buffer(std::make_shared<streams::copy_buffer>()),
          background(std::make_unique<task_group>(where.get_executor(), log)) {}

    executor ex() const { return context.get_executor(); }

    asio::io_context& context;
    logger& log;
    streams::stream_service& streams;
    reaper::reaper_service& reaper;
    std::shared_ptr<streams::copy_buffer> buffer;
    late_outputs late;
    kept_outputs logs;
    std::unique_ptr<task_group> background;  // loggers that take their time to end, late outputs
    process_limits limits;
    stream_handshake handshake = stream_handshake::number;
};

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/reaper/child.hpp"

namespace vminit::reaper {

/// A logger as containerd's `binary://` names it: a program that reads a process's output from descriptors 3 (stdout)
/// and 4 (stderr), and closes 5 when it is ready.
struct logger_options {
    std::string path;
    std::vector<std::pair<std::string, std::string>> arguments;  ///< two words each
    std::string container_id;            ///< CONTAINER_ID: all of its environment, with the next
    std::string name_space = "default";  ///< CONTAINER_NAMESPACE
    int out = -1;                        ///< what it reads, borrowed until it has been started; -1: nothing
    int err = -1;
    bool must_say_ready = false;  ///< `binary-v2://`: closing 5 is not enough, it must have written a byte
    clock::duration ready_limit = std::chrono::seconds(10);
};

/// Starts a logger, in a session of its own, and returns when it is ready. Errors: those of `reaper_service::launch`;
/// deadline_exceeded, or failed_precondition when it never said that it is ready: it is killed then.
awaitable<result<child>> start_logger(asio::io_context& context, logger_options options);

/// Returns when a logger, which has the end of its input, has ended: by itself within `patience`, by SIGTERM within
/// `after_term`, or by SIGKILL.
awaitable<void> end_logger(child logger, clock::duration patience, clock::duration after_term);

}  // namespace vminit::reaper

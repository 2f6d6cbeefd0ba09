// SPDX-License-Identifier: Apache-2.0
#include "process/logger_process.hpp"

#include "vminit/reaper/logger.hpp"

namespace vminit::process {

awaitable<result<logger_process>> logger_process::start(io_environment& environment, std::string container_id,
                                                        stdio_target target, int out, int err) {
    reaper::logger_options options;
    options.path = std::move(target.path);
    options.arguments = std::move(target.arguments);
    options.must_say_ready = target.must_say_ready;
    options.container_id = std::move(container_id);
    options.out = out;
    options.err = err;
    auto started = co_await reaper::start_logger(environment.context, std::move(options));
    if (!started) co_return started.error();
    logger_process running(std::move(*started));
    co_return running;
}

void logger_process::finish(io_environment& environment) {
    if (!child_) return;
    const auto& limits = environment.limits;
    environment.background->spawn("logger",
                                  reaper::end_logger(std::move(child_), limits.held_output, limits.logger_exit));
}

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/logger.hpp"

#include <signal.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::reaper {

namespace {

using read_end = asio::posix::basic_stream_descriptor<executor>;

constexpr auto ready_descriptor = 5;

// One byte or the end; which of them tells whether it is enough.
awaitable<result<void>> await_ready(read_end ready, bool must_say_ready) {
    char byte = 0;
    auto [failure, count] = co_await ready.async_read_some(asio::buffer(&byte, 1), as_tuple_awaitable);
    if (!failure || (failure == asio::error::eof && !must_say_ready)) co_return result<void>();
    if (failure == asio::error::operation_aborted) co_return error(errc::cancelled, "logger");
    if (failure != asio::error::eof) co_return error(failure, "logger");
    co_return error(errc::failed_precondition, "logger did not say that it is ready");
}

spawn_options options_for(const logger_options& logger, int ready) {
    std::vector<std::string> argv = {logger.path};
    for (const auto& [key, value] : logger.arguments) {
        argv.push_back(key);
        argv.push_back(value);
    }
    spawn_options options(logger.path, std::move(argv));
    options.env.emplace();
    options.env->push_back("CONTAINER_ID=" + logger.container_id);
    options.env->push_back("CONTAINER_NAMESPACE=" + logger.name_space);
    // Its own session: it outlives what it logs and gets no signals meant for others.
    options.group = process_group::own_session;
    options.extra_fds = {{3, logger.out}, {4, logger.err}, {ready_descriptor, ready}};
    return options;
}

}  // namespace

awaitable<result<child>> start_logger(asio::io_context& context, logger_options options) {
    auto ready = syscalls::pipe();
    if (!ready) co_return ready.error();
    read_end end(context.get_executor(), ready->read_end.release());
    auto& reaper = asio::use_service<reaper_service>(context);
    auto started = reaper.launch(options_for(options, ready->write_end.get()));
    if (!started) co_return started.error();
    ready->write_end.reset();
    auto waiting = await_ready(std::move(end), options.must_say_ready);
    auto is_ready = co_await with_timeout(std::move(waiting), options.ready_limit, "logger");
    if (is_ready) co_return std::move(*started);
    (void)started->signal(SIGKILL);
    co_return is_ready.error();
}

awaitable<void> end_logger(child logger, clock::duration patience, clock::duration after_term) {
    auto exit = co_await logger.wait_for(patience);
    if (exit) co_return;
    (void)logger.signal(SIGTERM);
    exit = co_await logger.wait_for(after_term);
    if (!exit) (void)logger.signal(SIGKILL);
}

}  // namespace vminit::reaper

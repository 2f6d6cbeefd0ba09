#include "process/logger_process.hpp"

#include <signal.h>

#include "process/stdio_end.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::process {

namespace {

// One byte or the end; which of them tells whether it is enough.
awaitable<result<void>> await_ready(std::shared_ptr<stdio_end> ready, bool must_say_ready) {
    for (;;) {
        char byte = 0;
        auto count = ready->read(&byte, 1);
        if (count && (*count == 1 || !must_say_ready)) co_return result<void>();
        if (count) co_return error(errc::failed_precondition, "logger did not say that it is ready");
        if (!stdio_end::is_again(count.error())) co_return error(count.error(), "logger");
        auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled, "logger");
        co_await ready->wait(stdio_end::readiness::readable);
    }
}

reaper::spawn_options options_for(const std::string& container_id, const stdio_target& target, int out, int err,
                                  int ready) {
    std::vector<std::string> argv = {target.path};
    for (const auto& [key, value] : target.arguments) {
        argv.push_back(key);
        argv.push_back(value);
    }
    reaper::spawn_options options(target.path, std::move(argv));
    options.env.emplace();
    options.env->push_back("CONTAINER_ID=" + container_id);
    options.env->push_back("CONTAINER_NAMESPACE=default");
    // Its own session: it outlives what it logs and gets no signals meant for others.
    options.group = reaper::process_group::own_session;
    options.extra_fds = {{3, out}, {4, err}, {5, ready}};
    return options;
}

awaitable<void> end_in_time(reaper::child logger, process_limits limits) {
    auto exit = co_await logger.wait_for(limits.held_output);
    if (exit) co_return;
    (void)logger.signal(SIGTERM);
    exit = co_await logger.wait_for(limits.logger_exit);
    if (!exit) (void)logger.signal(SIGKILL);
}

}  // namespace

awaitable<result<logger_process>> logger_process::start(io_environment& environment, std::string container_id,
                                                        stdio_target target, int out, int err) {
    auto ready = syscalls::pipe();
    if (!ready) co_return ready.error();
    auto end = stdio_end::adopt(environment.ex(), std::move(ready->read_end), end_kind::pipe);
    if (!end) co_return end.error();
    auto child = environment.reaper.launch(options_for(container_id, target, out, err, ready->write_end.get()));
    if (!child) co_return child.error();
    ready->write_end.reset();
    auto is_ready = co_await with_timeout(await_ready(*end, target.must_say_ready), ready_limit, "logger");
    logger_process started(std::move(*child));
    if (!is_ready) {
        (void)started.child_.signal(SIGKILL);
        co_return is_ready.error();
    }
    co_return started;
}

void logger_process::finish(io_environment& environment) {
    if (!child_) return;
    environment.background->spawn("logger", end_in_time(std::move(child_), environment.limits));
}

}  // namespace vminit::process

// SPDX-License-Identifier: Apache-2.0
#include "output_targets.hpp"

#include "vminit/core/syscalls.hpp"
#include "vminit/process/stdio_uri.hpp"
#include "vminit/reaper/logger.hpp"

namespace vminit::shim {

namespace {

using shared_output = std::shared_ptr<host_output>;
using process::stdio_scheme;

// A pipe to a logger: its end stays here until the logger has been started.
struct logger_pipe {
    unique_fd read_end;
    shared_output write_end;
};

result<logger_pipe> make_logger_pipe(asio::io_context& context) {
    auto pipe = syscalls::pipe();
    if (!pipe) return pipe.error();
    auto output = pipe_output(context, std::move(pipe->write_end));
    if (!output) return output.error();
    return logger_pipe{std::move(pipe->read_end), std::move(*output)};
}

awaitable<result<output_targets>> start_logger(asio::io_context& context, process::stdio_target target,
                                               logged_process whose, bool has_err) {
    auto out = make_logger_pipe(context);
    if (!out) co_return out.error();
    auto err = has_err ? make_logger_pipe(context) : result<logger_pipe>(logger_pipe());
    if (!err) co_return err.error();
    reaper::logger_options options;
    options.path = std::move(target.path);
    options.arguments = std::move(target.arguments);
    options.must_say_ready = target.must_say_ready;
    options.container_id = std::move(whose.id);
    options.name_space = std::move(whose.name_space);
    options.out = out->read_end.get();
    options.err = err->read_end.get();
    auto started = co_await reaper::start_logger(context, std::move(options));
    if (!started) co_return started.error();
    output_targets targets;
    targets.out = std::move(out->write_end);
    targets.err = std::move(err->write_end);
    targets.logger = std::move(*started);
    co_return targets;
}

awaitable<result<output_targets>> open_file(asio::io_context& context, std::string path, bool has_err) {
    output_targets targets;
    auto out = co_await file_output(context, path);
    if (!out) co_return out.error();
    targets.out = std::move(*out);
    if (!has_err) co_return targets;
    auto err = co_await file_output(context, path);
    if (!err) co_return err.error();
    targets.err = std::move(*err);
    co_return targets;
}

result<output_targets> open_fifos(asio::io_context& context, const stdio_names& names) {
    output_targets targets;
    for (auto [name, target] : {std::pair(&names.out, &targets.out), std::pair(&names.err, &targets.err)}) {
        if (name->empty()) continue;
        auto parsed = process::parse_stdio_uri(*name, process::stdio_direction::output);
        if (!parsed) return parsed.error();
        if (parsed->scheme != stdio_scheme::fifo)
            return error(errc::not_implemented, "stdio " + *name + ": only fifos can be used");
        auto opened = fifo_output(context, parsed->path);
        if (!opened) return opened.error();
        *target = std::move(*opened);
    }
    return targets;
}

}  // namespace

awaitable<result<output_targets>> open_output_targets(asio::io_context& context, stdio_names names,
                                                      logged_process whose) {
    auto target = process::parse_stdio_uri(names.out, process::stdio_direction::output);
    if (!target) co_return target.error();
    bool has_err = !names.err.empty() && !names.is_terminal;
    if (target->scheme == stdio_scheme::file) co_return co_await open_file(context, target->path, has_err);
    if (target->scheme != stdio_scheme::binary) co_return open_fifos(context, names);
    auto started = co_await start_logger(context, std::move(*target), std::move(whose), has_err);
    if (!started) co_return started.error().within("logger " + names.out);
    co_return started;
}

}  // namespace vminit::shim

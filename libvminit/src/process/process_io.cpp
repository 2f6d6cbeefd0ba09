// SPDX-License-Identifier: Apache-2.0
#include "process/process_io.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit::process {

namespace {

std::string failure_prefix(const io_owner& owner) {
    return owner.exec_id.empty() ? "failed to create init process I/O" : "failed to create exec process I/O";
}

awaitable<void> end_pumps(std::unique_ptr<task_group> pumps, std::vector<std::shared_ptr<stdio_end>> ends) {
    co_await pumps->join();
    for (auto& end : ends) end->close();
}

bool has_pump(const stdio_target& target) noexcept {
    return target.scheme == stdio_scheme::stream || target.scheme == stdio_scheme::fifo ||
           target.scheme == stdio_scheme::log;
}

}  // namespace

process_io::process_io(io_environment& environment, stdio_uris uris, io_owner owner)
    : environment_(environment),
      uris_(std::move(uris)),
      owner_(std::move(owner)),
      host_(environment),
      pumps_(std::make_unique<task_group>(environment.ex(), environment.log)) {}

process_io::~process_io() { stop_pumps(); }

awaitable<result<std::unique_ptr<process_io>>> process_io::open(io_environment& environment, stdio_uris uris,
                                                                io_owner owner) {
    std::unique_ptr<process_io> io(new process_io(environment, std::move(uris), std::move(owner)));
    auto opened = co_await io->open_all();
    if (opened) co_return std::move(io);
    auto failure = opened.error().within(failure_prefix(io->owner_));
    co_await io->close();
    co_return failure;
}

awaitable<result<void>> process_io::open_all() {
    auto handshake = environment_.handshake;
    auto out = parse_stdio_uri(uris_.out, stdio_direction::output, handshake);
    if (!out) co_return out.error().within("stdout");
    auto err = parse_stdio_uri(uris_.terminal ? "" : uris_.err, stdio_direction::output, handshake);
    if (!err) co_return err.error().within("stderr");
    auto has_in = co_await open_input();
    if (!has_in) co_return has_in.error();
    auto has_out = co_await open_output(*out, "stdout", child_out_);
    if (!has_out) co_return has_out.error();
    is_err_out_ = !uris_.terminal && out->scheme != stdio_scheme::binary && uris_.err == uris_.out;
    if (!is_err_out_ && !uris_.terminal) {
        auto has_err = co_await open_output(*err, "stderr", child_err_);
        if (!has_err) co_return has_err.error();
    }
    co_return co_await open_loggers(std::move(*out), std::move(*err));
}

awaitable<result<void>> process_io::open_input() {
    auto target = parse_stdio_uri(uris_.in, stdio_direction::input, environment_.handshake);
    if (!target) co_return target.error().within("stdin");
    result<unique_fd> child_end = unique_fd();
    is_attachable_ = target->scheme == stdio_scheme::attach;
    if (target->scheme == stdio_scheme::none) {
        if (!uris_.terminal) child_end = host_ends::open_null();
    } else if (is_attachable_) {
        if (!uris_.terminal) child_end = make_input_pipe(open_input_);
    } else {
        auto host = co_await open_host_end(*target, "stdin");
        if (!host) co_return host.error();
        if (uris_.terminal) {
            terminal_input_ = std::move(*host);
        } else {
            shared_end ours;
            child_end = make_input_pipe(ours);
            if (child_end) start_input(std::move(*host), std::move(ours));
        }
    }
    if (!child_end) co_return child_end.error();
    child_in_ = std::move(*child_end);
    co_return result<void>();
}

// A file, or nothing.
awaitable<result<opened_file>> process_io::open_plain(stdio_target target) {
    if (target.scheme == stdio_scheme::file) co_return co_await host_.open_file(target.path);
    auto null = host_ends::open_null();
    if (!null) co_return null.error();
    opened_file nothing;
    nothing.fd = std::move(*null);
    nothing.is_regular = false;
    co_return nothing;
}

awaitable<result<void>> process_io::open_output(stdio_target target, std::string_view name, unique_fd& child_end) {
    if (target.scheme == stdio_scheme::binary) co_return result<void>();
    if (has_pump(target)) {
        auto host = co_await open_host_end(target, name);
        if (!host) co_return host.error();
        if (uris_.terminal) {
            terminal_output_ = std::move(*host);
            co_return result<void>();
        }
        auto pipe = make_output_pipe(std::move(*host));
        if (!pipe) co_return pipe.error();
        child_end = std::move(*pipe);
        co_return result<void>();
    }
    auto file = co_await open_plain(target);
    if (!file) co_return file.error().within(name);
    if (!uris_.terminal) {
        child_end = std::move(file->fd);
        co_return result<void>();
    }
    auto end = host_.adopt(std::move(*file));
    if (!end) co_return end.error().within(name);
    ends_.push_back(*end);
    terminal_output_ = std::move(*end);
    co_return result<void>();
}

awaitable<result<void>> process_io::open_loggers(stdio_target out, stdio_target err) {
    unique_fd out_read, err_read;
    if (out.scheme == stdio_scheme::binary) {
        auto write_end = make_logger_pipe(out_read);
        if (!write_end) co_return write_end.error().within("stdout");
        child_out_ = std::move(*write_end);
    }
    if (err.scheme == stdio_scheme::binary) {
        auto write_end = make_logger_pipe(err_read);
        if (!write_end) co_return write_end.error().within("stderr");
        child_err_ = std::move(*write_end);
    }
    if (uris_.terminal && child_out_) {
        auto end = stdio_end::adopt(environment_.ex(), std::move(child_out_), end_kind::pipe);
        if (!end) co_return end.error().within("stdout");
        ends_.push_back(*end);
        terminal_output_ = std::move(*end);
    }
    bool is_one = out_read && err_read && uris_.out == uris_.err;
    if (is_one) co_return co_await start_logger(std::move(out), std::move(out_read), std::move(err_read));
    if (out_read) {
        auto started = co_await start_logger(std::move(out), std::move(out_read), unique_fd());
        if (!started) co_return started.error();
    }
    if (err_read) co_return co_await start_logger(std::move(err), unique_fd(), std::move(err_read));
    co_return result<void>();
}

awaitable<result<void>> process_io::start_logger(stdio_target target, unique_fd out, unique_fd err) {
    auto started =
        co_await logger_process::start(environment_, owner_.container_id, std::move(target), out.get(), err.get());
    if (!started) co_return started.error();
    loggers_.push_back(std::move(*started));
    co_return result<void>();
}

awaitable<result<process_io::shared_end>> process_io::open_host_end(stdio_target target, std::string_view name) {
    auto end = co_await host_.open(target);
    if (end) {
        ends_.push_back(*end);
        co_return end;
    }
    bool is_stream = target.scheme == stdio_scheme::stream;
    std::string what = is_stream ? "failed to get " : "failed to open ";
    what.append(name);
    if (is_stream) what.append(" stream");
    co_return end.error().within(what);
}

result<unique_fd> process_io::make_input_pipe(shared_end& ours) {
    auto pipe = syscalls::pipe();
    if (!pipe) return pipe.error();
    if (auto given = give_to_owner(pipe->read_end.get()); !given) return given.error();
    auto end = stdio_end::adopt(environment_.ex(), std::move(pipe->write_end), end_kind::pipe);
    if (!end) return end.error();
    ends_.push_back(*end);
    ours = std::move(*end);
    return std::move(pipe->read_end);
}

result<unique_fd> process_io::make_output_pipe(shared_end host) {
    auto pipe = syscalls::pipe();
    if (!pipe) return pipe.error();
    stdio_end::widen(pipe->write_end.get());
    if (auto given = give_to_owner(pipe->write_end.get()); !given) return given.error();
    auto end = stdio_end::adopt(environment_.ex(), std::move(pipe->read_end), end_kind::pipe);
    if (!end) return end.error();
    ends_.push_back(*end);
    start_output(std::move(*end), std::move(host));
    return std::move(pipe->write_end);
}

result<unique_fd> process_io::make_logger_pipe(unique_fd& read_end) {
    auto pipe = syscalls::pipe();
    if (!pipe) return pipe.error();
    if (auto given = give_to_owner(pipe->write_end.get()); !given) return given.error();
    read_end = std::move(pipe->read_end);
    return std::move(pipe->write_end);
}

result<void> process_io::give_to_owner(int fd) const {
    if (owner_.uid == 0 && owner_.gid == 0) return {};
    auto given = syscalls::check("fchown", "stdio pipe", [&] { return ::fchown(fd, owner_.uid, owner_.gid); });
    if (!given) return given.error();
    return {};
}

void process_io::start_input(shared_end source, shared_end target, host_end meaning) {
    input_ = std::make_shared<input_pump>(environment_.ex(), std::move(source), std::move(target), environment_.buffer,
                                          environment_.limits.late_input, meaning);
    if (is_input_finished_) input_->finish();
    pumps_->spawn("stdin", input_->run());
}

void process_io::start_output(shared_end source, shared_end target) {
    auto name = owner_.exec_id.empty() ? owner_.container_id : owner_.container_id + "/" + owner_.exec_id;
    auto pump = std::make_shared<output_pump>(environment_.ex(), environment_.log, std::move(name), std::move(source),
                                              std::move(target), environment_.buffer, environment_.limits.held_output);
    pumps_->spawn("output", pump->run());
    outputs_.push_back(std::move(pump));
}

runc::stdio_fds process_io::child_fds() const noexcept {
    const auto& err = is_err_out_ ? child_out_ : child_err_;
    return runc::stdio_fds(child_in_.get(), child_out_.get(), err.get());
}

void process_io::release_child_ends() noexcept {
    child_in_.reset();
    child_out_.reset();
    child_err_.reset();
}

result<void> process_io::start_terminal(unique_fd master) {
    auto end = stdio_end::adopt(environment_.ex(), std::move(master), end_kind::terminal);
    if (!end) return end.error().within("terminal");
    master_ = *end;
    ends_.push_back(master_);
    start_output(master_, terminal_output_);
    if (is_attachable_) open_input_ = master_;
    if (terminal_input_) start_input(terminal_input_, master_);
    return {};
}

result<void> process_io::resize(std::uint16_t width, std::uint16_t height) {
    if (!master_ || !master_->is_open()) return {};
    winsize size{};
    size.ws_col = width;
    size.ws_row = height;
    auto set = syscalls::check("ioctl", "TIOCSWINSZ", [&] { return ::ioctl(master_->fd(), TIOCSWINSZ, &size); });
    if (!set) return set.error();
    return {};
}

// The pump owns the host's end and closes it: who comes and goes leaves nothing here.
result<void> process_io::attach_input(const std::string& uri) {
    if (!is_attachable_) return error(errc::failed_precondition, "it was not started with an input to attach to");
    if (is_attached()) return error(errc::already_exists, "somebody is attached to its input");
    bool is_open = pumps_ && !is_input_finished_ && open_input_ && open_input_->is_open();
    if (!is_open) return error(errc::failed_precondition, "its input is closed");
    auto target = parse_stdio_uri(uri, stdio_direction::input, environment_.handshake);
    if (!target) return target.error();
    if (target->scheme != stdio_scheme::stream)
        return error(errc::invalid_argument, "stdin \"" + uri + "\" is no stream");
    auto source = host_.claim(target->stream);
    if (!source) return source.error();
    start_input(std::move(*source), open_input_, host_end::is_departure);
    return {};
}

void process_io::close_input() {
    is_input_finished_ = true;
    if (input_) input_->finish();
    if (open_input_ && !is_attached() && !uris_.terminal) open_input_->close();
}

void process_io::exited() {
    // A host that uses one stream for both reads its end only when neither of us has it any more.
    if (input_ && (uris_.in == uris_.out || uris_.in == uris_.err)) input_->stop();
    for (auto& output : outputs_) output->exited();
}

awaitable<void> process_io::drain(clock::time_point latest) {
    auto outputs = outputs_;
    for (auto& output : outputs) co_await output->drain(latest);
}

void process_io::be_patient_again() {
    for (auto& output : outputs_) output->be_patient_again();
}

void process_io::hurry(clock::duration held) {
    for (auto& output : outputs_) output->hurry(held);
}

void process_io::stop_pumps() {
    if (input_) input_->stop();
    for (auto& output : outputs_) output->stop();
}

// True if any of them goes on.
bool process_io::leave_outputs() {
    bool is_any = false;
    for (auto& output : outputs_) {
        if (!output->leave_behind(environment_.limits.absent_reader)) continue;
        environment_.late.add(output);
        is_any = true;
    }
    outputs_.clear();
    return is_any;
}

awaitable<void> process_io::close() {
    release_child_ends();
    for (auto& logger : std::exchange(loggers_, {})) logger.finish(environment_);
    if (!pumps_) co_return;
    if (input_) input_->stop();
    if (leave_outputs()) {
        auto ending = end_pumps(std::move(pumps_), std::exchange(ends_, {}));
        environment_.background->spawn("late output", std::move(ending));
        co_return;
    }
    co_await pumps_->join();
    for (auto& end : ends_) end->close();
    ends_.clear();
}

}  // namespace vminit::process

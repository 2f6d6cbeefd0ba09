// SPDX-License-Identifier: Apache-2.0
#include "process_run.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <boost/json.hpp>
#include <utility>

#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

// Else the guest may have done it all the same.
bool is_answer(const error& failure) {
    auto kind = failure.kind();
    return kind != errc::deadline_exceeded && kind != errc::cancelled && kind != errc::unavailable;
}

}  // namespace

process_run::process_run(client_session& guest, process_key key, run_until until, stdio_uris stdio)
    : guest_(guest), key_(std::move(key)), until_(until), stdio_(std::move(stdio)), leaving_(guest.context()) {}

process_run::process_run(client_session& guest, process_key key, run_until until, attached_stdio stdio)
    : process_run(guest, std::move(key), until) {
    attached_.emplace(guest, key_, stdio, leaving_);
}

awaitable<result<run_outcome>> process_run::run(maker make) {
    std::function<void(int)> on_signal = [this](int signal) { take(signal); };
    auto outcome = co_await leaving_.watch(complete(std::move(make)), std::move(on_signal));
    if (attached_) co_await attached_->close();
    if (remains_ != remains::nothing) guest_.out().warn(remains_text());
    auto unwritten = attached_ ? attached_->output_failure() : std::nullopt;
    if (unwritten && unwritten->code() != boost::system::errc::broken_pipe) co_return *unwritten;
    if (leaving_.is_told()) co_return run_outcome(leaving_.status(), 0);
    co_return outcome;
}

void process_run::take(int signal) {
    if (attached_) return attached_->take(signal);
    if (signal == SIGWINCH || signal == SIGCONT) return;
    bool is_first = endings_.next(signal, process_phase::preparing) == ending_step::finish;
    leaving_.tell(signal, is_first ? clean_up_limit(signal) : clock::duration::zero());
}

awaitable<result<run_outcome>> process_run::complete(maker make) {
    auto outcome = co_await steps(std::move(make));
    if (remains_ == remains::made && guest_.is_connected()) co_await clear_away();
    co_return outcome;
}

awaitable<result<run_outcome>> process_run::steps(maker make) {
    if (attached_) {
        auto opened = co_await attached_->open();
        if (!opened) co_return opened.error();
        stdio_ = attached_->uris();
    }
    auto pid = co_await make_it(std::move(make));
    if (pid && until_ != run_until::created) pid = co_await start();
    if (!pid) co_return pid.error();
    if (attached_) co_return co_await follow();
    remains_ = remains::nothing;
    co_return run_outcome(0, *pid);
}

awaitable<result<std::uint32_t>> process_run::make_it(maker make) {
    if (leaving_.is_told()) co_return error(errc::cancelled);
    remains_ = remains::unknown;
    auto made = co_await make(stdio_);
    if (made) {
        remains_ = remains::made;
    } else if (is_answer(made.error())) {
        remains_ = remains::nothing;
    }
    if (made && leaving_.is_told()) co_return error(errc::cancelled);
    co_return made;
}

awaitable<result<std::uint32_t>> process_run::start() {
    // A console is there from Create on, but that of an exec not before it runs.
    if (attached_ && is_init()) co_await attached_->resize();
    may_run_ = true;
    auto pid = co_await start_process(guest_, key_);
    if (!pid && is_answer(pid.error())) may_run_ = false;
    if (pid && leaving_.is_told()) co_return error(errc::cancelled);
    if (pid && attached_ && !is_init()) co_await attached_->resize();
    co_return pid;
}

awaitable<result<run_outcome>> process_run::follow() {
    auto ended = co_await attached_->follow();
    if (!ended) co_return ended.error();
    may_run_ = false;
    guest_.out().report(exit_facts(key_.id, key_.exec_id, ended->exit_status(), ended->exited_at()));
    bool is_gone = until_ == run_until::ended;
    if (!is_gone) is_gone = co_await remove();
    if (is_gone) remains_ = remains::nothing;
    co_return run_outcome(static_cast<int>(ended->exit_status()), 0);
}

awaitable<bool> process_run::remove() {
    auto deleted = co_await delete_process(guest_, key_);
    if (deleted || deleted.error().kind() == errc::not_found) co_return true;
    if (deleted.error().kind() != errc::cancelled) guest_.out().warn("delete: " + error_line(deleted.error()));
    co_return false;
}

awaitable<void> process_run::clear_away() {
    if (may_run_) {
        auto target = is_init() ? kill_target::all : kill_target::process;
        auto killed = co_await kill_process(guest_, key_, SIGKILL, target);
        if (killed) (void)co_await wait_process(guest_, key_, guest_.call_limit());
    }
    bool is_removed = co_await remove();
    if (is_removed) remains_ = remains::nothing;
}

std::string process_run::remains_text() const {
    auto what = is_init() ? "container " + key_.id : fmt::format("process {} of container {}", key_.exec_id, key_.id);
    if (!guest_.is_connected()) return fmt::format("the guest is lost; {} goes on if it does", what);
    auto name = is_init() ? key_.id : fmt::format("{} --exec {}", key_.id, key_.exec_id);
    auto may = remains_ == remains::made ? "is" : "may be";
    return fmt::format("{} {} left in the guest; to end it: vminitctl delete -f {}", what, may, name);
}

}  // namespace vminit::vminitctl

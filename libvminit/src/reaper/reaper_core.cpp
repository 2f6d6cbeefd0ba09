// SPDX-License-Identifier: Apache-2.0
#include "reaper/reaper_core.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::reaper {

namespace {

// A fork storm must not keep the loop here: after so many the rest waits for the next turn.
constexpr int max_collected_per_turn = 256;

struct ended {
    pid_t pid;
    int wait_status;
};

// waitpid(2) without blocking; nothing when nobody has ended or there are no children.
std::optional<ended> wait_for(pid_t which) {
    int wait_status = 0;
    auto outcome = syscalls::raw("waitpid", [&] { return ::waitpid(which, &wait_status, WNOHANG); });
    if (!outcome || *outcome == 0) return std::nullopt;
    return ended{static_cast<pid_t>(*outcome), wait_status};
}

// Live and dead children of this thread; nothing without CONFIG_PROC_CHILDREN or /proc.
std::optional<std::size_t> count_children() {
    auto text = read_file("/proc/thread-self/children");
    if (!text) return std::nullopt;
    return static_cast<std::size_t>(std::count(text->begin(), text->end(), ' '));
}

bool has_zombie() {
    siginfo_t info{};
    auto found = syscalls::raw("waitid", [&] { return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT); });
    return found && info.si_pid != 0;
}

bool is_our_child(int pidfd) {
    siginfo_t info{};
    auto found = syscalls::raw(
        "waitid", [&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | WNOWAIT); });
    return found.has_value();
}

}  // namespace

reaper_core::reaper_core(asio::io_context& context) : context_(context), signals_(context.get_executor(), SIGCHLD) {}

void reaper_core::start() {
    listen();
    reap_soon();
}

void reaper_core::reap_soon() {
    asio::post(context_, [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->reap();
    });
}

void reaper_core::listen() {
    signals_.async_wait([weak = weak_from_this()](error_code ec, int) {
        auto self = weak.lock();
        if (!self || ec) return;
        self->listen();
        self->reap();
    });
}

void reaper_core::reap() {
    if (is_shut_down_) return;
    if (counters_.holds == 0) return drain();
    collect_known();
    if (is_overflowing()) drain();
}

void reaper_core::drain() {
    for (int collected = 0; collected < max_collected_per_turn; ++collected) {
        auto next = wait_for(-1);
        if (!next) return;
        settle(next->pid, next->wait_status);
    }
    reap_soon();
}

void reaper_core::collect_known() {
    for (auto at = known_.begin(); at != known_.end();) {
        auto pid = (at++)->first;
        collect(pid);
    }
}

bool reaper_core::collect(pid_t pid) {
    auto outcome = wait_for(pid);
    if (outcome) settle(pid, outcome->wait_status);
    return outcome.has_value();
}

void reaper_core::settle(pid_t pid, int wait_status) {
    auto status = from_wait_status(wait_status, wall_now());
    // A pid is in `known_` from before its exit until here, so the kernel cannot have given it to anybody else.
    if (auto node = known_.extract(pid)) {
        ++counters_.reaped;
        node.mapped()->complete(status);
        return;
    }
    ++counters_.orphans_reaped;
    if (counters_.holds > 0) keep(pid, status);
}

void reaper_core::keep(pid_t pid, exit_status status) {
    if (kept_.insert_or_assign(pid, status).second) kept_order_.push_back(pid);
    if (kept_order_.size() > reaper_service::max_kept_statuses) {
        kept_.erase(kept_order_.front());
        kept_order_.pop_front();
    }
}

bool reaper_core::is_overflowing() {
    ++wakeups_;
    if (!has_zombie()) return false;
    auto children = count_children();
    if (!children) return wakeups_ > reaper_service::max_held_zombies;
    return *children > known_.size() + reaper_service::max_held_zombies;
}

reaper_core::place reaper_core::make_place(process_group group) {
    known_children one;
    one.emplace(0, std::make_shared<child_state>(context_.get_executor(), 0, unique_fd(), group));
    return one.extract(one.begin());
}

std::shared_ptr<child_state> reaper_core::know(place where, spawned process) noexcept {
    auto state = where.mapped();
    state->pid = process.pid;
    state->pidfd = std::move(process.pidfd);
    where.key() = process.pid;
    known_.erase(process.pid);
    known_.insert(std::move(where));
    return state;
}

result<std::shared_ptr<child_state>> reaper_core::adopt(pid_t pid) {
    auto object = "pid " + std::to_string(pid);
    if (pid <= 0) return error(errc::invalid_argument, object);
    if (known_.contains(pid)) return error(errc::already_exists, object);
    auto opened = syscalls::check("pidfd_open", object, [&] { return ::syscall(SYS_pidfd_open, pid, 0); });
    if (!opened && opened.error().kind() == errc::resource_exhausted) return opened.error();
    if (!opened) return adopt_kept(pid);
    unique_fd pidfd(static_cast<int>(*opened));
    if (!is_our_child(pidfd.get())) return adopt_kept(pid);
    auto state = know(make_place(process_group::inherited), spawned{pid, std::move(pidfd)});
    ++counters_.adopted;
    collect(pid);  // already a zombie: no further SIGCHLD would tell
    return state;
}

result<std::shared_ptr<child_state>> reaper_core::adopt_kept(pid_t pid) {
    auto found = kept_.find(pid);
    if (found == kept_.end()) return error(errc::not_found, "pid " + std::to_string(pid) + " is no child of ours");
    auto state = std::make_shared<child_state>(context_.get_executor(), pid, unique_fd(), process_group::inherited);
    state->complete(found->second);
    kept_.erase(found);
    std::erase(kept_order_, pid);
    ++counters_.adopted;
    return state;
}

void reaper_core::release_hold() noexcept {
    if (is_shut_down_ || --counters_.holds > 0) return;
    wakeups_ = 0;
    kept_.clear();
    kept_order_.clear();
    try {
        reap();
    } catch (...) {
        // Out of memory while waking waiters: the next SIGCHLD collects the rest.
    }
}

void reaper_core::shutdown() noexcept {
    is_shut_down_ = true;
    auto dropped = std::move(known_);
    known_.clear();
    for (auto& [pid, state] : dropped) {
        // Waiters hold coroutines, whose locals may hold children again: let each map go before they run.
        auto waiters = std::move(state->waiters);
        state->waiters.clear();
    }
}

reaper_counters reaper_core::snapshot() const noexcept {
    auto now = counters_;
    now.known = known_.size();
    now.kept = kept_.size();
    return now;
}

}  // namespace vminit::reaper

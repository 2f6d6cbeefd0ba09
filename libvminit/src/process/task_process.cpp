// SPDX-License-Identifier: Apache-2.0
#include "process/task_process.hpp"

#include <limits>

namespace vminit::process {

process_snapshot task_process::snapshot(const std::string& bundle) const {
    auto exit = state.exit();
    process_snapshot taken;
    taken.id = id;
    taken.bundle = bundle;
    taken.pid = exit.pid;
    taken.status = state.status();
    taken.stdio = uris;
    taken.exit_status = exit.status;
    taken.exited_at = exit.exited_at;
    return taken;
}

result<void> task_process::resize(std::uint32_t width, std::uint32_t height) {
    constexpr auto limit = std::numeric_limits<std::uint16_t>::max();
    if (width > limit || height > limit) return error(errc::invalid_argument, "terminal size above 65535");
    if (auto allowed = state.check(process_call::resize); !allowed) return allowed.error();
    if (!io) return {};
    return io->resize(static_cast<std::uint16_t>(width), static_cast<std::uint16_t>(height));
}

result<void> task_process::attach_input(const std::string& uri) {
    if (!io || state.has_exited()) return error(errc::failed_precondition, "process " + id + " is not running");
    return io->attach_input(uri);
}

void task_process::close_input() {
    is_input_closed_ = true;
    if (io) io->close_input();
}

void task_process::use_io(std::unique_ptr<process_io> opened) {
    io = std::move(opened);
    if (is_input_closed_) io->close_input();
}

awaitable<result<process_exit>> task_process::wait(std::shared_ptr<task_process> self) {
    while (!self->state.has_exited() && !self->state.is_deleted()) {
        auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled, "wait");
        co_await self->changed.wait();
    }
    co_return self->state.exit();
}

}  // namespace vminit::process

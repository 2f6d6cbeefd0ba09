// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/launcher.hpp"
#include "supervisor/output_log.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/reaper/child.hpp"
#include "vminit/supervisor/restart_policy.hpp"
#include "vminit/supervisor/service_spec.hpp"
#include "vminit/supervisor/supervised_event.hpp"
#include "vminit/supervisor/supervised_status.hpp"
#include "vminit/supervisor/supervisor_service.hpp"

namespace vminit::supervisor {

/// The life of one service: one coroutine that waits for the trigger, runs the binary, and asks the policy what is
/// next.
///
/// Whatever it waits for (an exit, a delay, a request) wakes one timer; then it looks at what has changed.
class monitor {
public:
    /// `config` and `tasks` outlive the monitor, which outlives the coroutines it puts into `tasks`.
    monitor(asio::io_context& context, const supervisor_config& config, service_spec spec, task_group& tasks);
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    /// Its whole life; returns after `stop`.
    awaitable<void> run();

    const service_spec& spec() const noexcept { return spec_; }
    supervised_state state() const noexcept { return state_; }
    supervised_status status() const;

    /// The trigger `which` has come. Ignored unless the service waits for it, or did and was found absent.
    void fire(start_trigger which, const std::string& rootfs);

    /// Asks for a fresh start.
    void restart();

    /// Asks for the end; outdoes a `restart`.
    void stop();

private:
    enum class request { none, restart, stop };

    awaitable<void> wait_for_trigger();
    awaitable<void> keep_running();
    awaitable<run_end> run_once();
    awaitable<void> terminate();
    awaitable<void> end_leftovers();
    awaitable<void> back_off(clock::duration delay);
    awaitable<void> pause(clock::time_point until = clock::time_point::max());
    void wake();

    bool start();
    run_end note_exit();
    void note_gave_up();
    void emit(supervised_event event) const;

    const supervisor_config& config_;
    service_spec spec_;
    task_group& tasks_;
    logger& log_;
    timer wake_;
    restart_policy policy_;
    launcher launcher_;
    output_log output_;

    supervised_state state_ = supervised_state::waiting;
    request request_ = request::none;
    bool is_triggered_ = false;
    std::string rootfs_;
    std::string binary_;
    reaper::child child_;
    std::uint64_t starts_ = 0;
    std::optional<reaper::exit_status> last_exit_;
    std::string last_failure_;
    clock::time_point restart_at_{};
};

}  // namespace vminit::supervisor

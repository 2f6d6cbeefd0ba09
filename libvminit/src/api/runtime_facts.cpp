// SPDX-License-Identifier: Apache-2.0
#include "runtime_facts.hpp"

#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/runc/runc_service.hpp"

namespace vminit::api {

/// Shared with the inquiry under way, which no caller's cancellation ends.
class runtime_inquiry::state {
public:
    explicit state(asio::io_context& context)
        : changed(context.get_executor()),
          tasks(context.get_executor(), log_of(context)),
          runtime_(asio::use_service<runc::runc_service>(context)) {}

    static awaitable<void> inquire(std::shared_ptr<state> self) {
        auto version = co_await self->runtime_.version();
        auto features = co_await self->runtime_.features();
        if (version) self->facts.version = std::move(*version);
        if (features) self->facts.features = std::move(*features);
        // A runtime that could not be started may be there later; one that hangs is not to be tried again and again.
        bool is_answer = version || features || features.error().kind() == errc::not_implemented ||
                         features.error().kind() == errc::deadline_exceeded;
        self->is_known = is_answer;
        self->is_asking = false;
        self->changed.notify_all();
    }

    static awaitable<result<void>> answered(std::shared_ptr<state> self) {
        while (self->is_asking) {
            co_await self->changed.wait();
            auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
        }
        co_return result<void>();
    }

    runtime_facts facts;
    bool is_known = false;
    bool is_asking = false;
    condition changed;
    task_group tasks;

private:
    runc::runc_service& runtime_;
};

runtime_inquiry::runtime_inquiry(asio::io_context& context) : state_(std::make_shared<state>(context)) {}

runtime_inquiry::~runtime_inquiry() { state_->tasks.stop(); }

bool runtime_inquiry::is_known() const noexcept { return state_->is_known; }

awaitable<runtime_facts> runtime_inquiry::ask() {
    auto self = state_;
    if (!self->is_known && !self->is_asking) {
        self->is_asking = true;
        self->tasks.spawn("runtime features", state::inquire(self));
    }
    if (!self->is_known) (void)co_await with_timeout(state::answered(self), patience, "runtime features");
    co_return self->facts;
}

}  // namespace vminit::api

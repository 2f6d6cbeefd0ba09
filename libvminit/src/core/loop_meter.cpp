// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/loop_meter.hpp"

#include <boost/asio/post.hpp>

namespace vminit {

loop_meter::loop_meter(asio::execution_context& context) : asio::execution_context::service(context) {}

awaitable<clock::duration> loop_meter::measure_lag() {
    auto queued = clock::now();
    auto ex = co_await asio::this_coro::executor;
    co_await asio::post(ex, use_awaitable);
    auto lag = clock::now() - queued;
    record(lag);
    co_return lag;
}

}  // namespace vminit

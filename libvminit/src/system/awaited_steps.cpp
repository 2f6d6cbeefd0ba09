// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/awaited_steps.hpp"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "vminit/core/timeout.hpp"

namespace vminit::system {

void awaited_steps::expect(std::string step) { pending_.push_back(std::move(step)); }

void awaited_steps::ended(std::string_view step) {
    if (std::erase(pending_, step) != 0) changed_.notify_all();
}

bool awaited_steps::has_pending(std::span<const std::string_view> steps) const {
    if (steps.empty()) return !pending_.empty();
    return std::find_first_of(pending_.begin(), pending_.end(), steps.begin(), steps.end()) != pending_.end();
}

awaitable<void> awaited_steps::wait(clock::duration limit, std::span<const std::string_view> steps) {
    using namespace asio::experimental::awaitable_operators;
    auto deadline = clock::now() + limit;
    while (has_pending(steps)) {
        auto left = deadline - clock::now();
        if (left <= clock::duration::zero()) co_return;
        co_await (changed_.wait() || sleep_for(left));
    }
}

}  // namespace vminit::system

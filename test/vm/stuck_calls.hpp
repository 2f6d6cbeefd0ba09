// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guest.hpp"

namespace vminit::test {

/// What became of a call that goes on in the background.
template <class T>
using pending = std::optional<result<T>>;

template <class T>
awaitable<void> keep(awaitable<result<T>> call, pending<T>& out) {
    auto done = co_await std::move(call);
    out.emplace(std::move(done));
}

/// Asks for the health until the finding on `core` names jobs of all these kinds. A failure fails the test.
void await_named_jobs(guest& vm, const std::vector<std::string>& kinds);

}  // namespace vminit::test

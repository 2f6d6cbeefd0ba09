// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::process {

/// Makes an exception of `operation` (a bug, or no memory) its failure, so that what it began is undone or counted as
/// ended all the same. Cancellation passes.
template <class T>
awaitable<result<T>> caught(awaitable<result<T>> operation) {
    try {
        co_return co_await std::move(operation);
    } catch (const boost::system::system_error& thrown) {
        if (thrown.code() == asio::error::operation_aborted) throw;
        co_return error(thrown.code(), "operation");
    } catch (const std::bad_alloc&) {
        co_return error(errc::resource_exhausted, "no memory");
    } catch (const std::exception& thrown) {
        co_return error(errc::internal, thrown.what());
    }
}

/// `operation` as one that can be `caught`.
inline awaitable<result<void>> as_result(awaitable<void> operation) {
    co_await std::move(operation);
    co_return result<void>();
}

/// For what an operation must not depend on: without memory neither an event nor a line of the log can be made. False if
/// `step` threw.
template <class Step>
bool succeeds(const Step& step) noexcept {
    try {
        step();
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace vminit::process

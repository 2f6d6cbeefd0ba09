// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The few Asio names the whole library shares.
///
/// Everything runs on one `asio::io_context ctx{1}` and one thread, so the executor is the concrete
/// `io_context` one: no type erasure on the hot path, and no strands, mutexes or atomics in the layers.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

namespace vminit {

namespace asio = boost::asio;
using boost::system::error_code;

using executor = asio::io_context::executor_type;

/// A coroutine of this library. Expected failure is in its value (`result<T>`), not thrown.
template <class T = void>
using awaitable = asio::awaitable<T, executor>;

inline constexpr asio::use_awaitable_t<executor> use_awaitable{};

/// Completion token for operations whose failure is expected: yields `std::tuple<error_code, ...>`.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<executor>> as_tuple_awaitable{use_awaitable};

}  // namespace vminit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include "vminit/core/error.hpp"

namespace vminit {

/// Expected failure is a value: either a `T` or an `error`. `co_return error{...}` and
/// `co_return value` both convert.
template <class T = void>
using result = boost::system::result<T, error>;

/// Called by `result::value()` on an error: throws `boost::system::system_error`. Code that expects
/// failure tests the result first; this is for bugs and tests.
[[noreturn]] void throw_exception_from_error(const error& failure, const boost::source_location& where);

}  // namespace vminit

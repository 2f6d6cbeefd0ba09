// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "vminit/core/result.hpp"

namespace Catch {

/// Lets a failed CHECK(result) show the error, whatever the value type.
template <class T>
struct StringMaker<boost::system::result<T, vminit::error>> {
    static std::string convert(const boost::system::result<T, vminit::error>& outcome) {
        return outcome ? "ok" : "error: " + outcome.error().message();
    }
};

}  // namespace Catch

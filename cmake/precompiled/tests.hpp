// SPDX-License-Identifier: Apache-2.0
/// The system headers most of the tests include, compiled once (cmake/precompiled.cmake).

#include "library.hpp"

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

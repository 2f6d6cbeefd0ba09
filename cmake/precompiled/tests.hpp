// SPDX-License-Identifier: Apache-2.0
/// The system headers most of the tests include, compiled once (cmake/precompiled.cmake).

#include "library.hpp"

#include <catch2/catch.hpp>

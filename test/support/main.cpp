// SPDX-License-Identifier: Apache-2.0
// Catch2 2 makes main() here, 3 has a library for it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

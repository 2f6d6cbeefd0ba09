// SPDX-License-Identifier: Apache-2.0
#pragma once

// Catch2 3 (Debian 13) has no header of this name, that of Catch2 2 (Debian 12). The directory is only searched with 3.
#include <catch2/catch_all.hpp>

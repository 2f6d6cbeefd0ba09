// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vminit::test {

/// Where the scripts lie that tests run. A function, so that one object only holds the path and the others come from the
/// compiler cache in every clone.
const char* support_directory();

}  // namespace vminit::test

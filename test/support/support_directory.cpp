// SPDX-License-Identifier: Apache-2.0
#include "support/support_directory.hpp"

namespace vminit::test {

const char* support_directory() { return VMINIT_TEST_SUPPORT_DIR; }

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest.hpp"

/// What a VM in nerdbox's dialect serves its host beside tasks. Any failure fails the test.
namespace vminit::test {

/// Mount: a tmpfs, a disk and an overlay of both, in the VM and in a container, until nothing is left of them.
/// Transfer: a file into that container and out of it again.
void check_host_services(guest& vm);

}  // namespace vminit::test

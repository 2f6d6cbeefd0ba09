// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/unique_fd.hpp"

namespace vminit::test {

/// QEMU's monitor, where test/vm/qmp would be too slow to measure with. Blocks; any failure fails the test.
class qmp_connection {
public:
    /// `directory` is the VM's.
    explicit qmp_connection(const std::string& directory);

    /// Sends one command, a JSON object, and returns at once.
    void send(const std::string& command);

    /// Reads lines up to the first with `part` in it.
    void wait_for_line_with(const std::string& part);

private:
    unique_fd socket_;
    std::string received_;
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "vminit/core/unique_fd.hpp"

namespace vminit::test {

/// A vminitctl that runs, with a pipe at each of its standard descriptors.
class client_program {
public:
    client_program(const std::string& address, std::vector<std::string> arguments);
    /// Kills it if it has not ended.
    ~client_program();
    client_program(const client_program&) = delete;
    client_program& operator=(const client_program&) = delete;

    /// The next bytes of its stdout: fewer only at the end.
    std::string read(std::size_t size);
    /// All that is left of its stdout or of its stderr.
    std::string rest();
    std::string complaint();

    /// Into its stdin.
    void type(const std::string& text) const;
    void close_input() { in_.reset(); }

    /// Nobody reads its stdout any more.
    void close_output() { out_.reset(); }

    void signal(int number) const;

    /// Waits for its end: its exit status, as a shell tells it.
    int wait();

private:
    pid_t pid_ = -1;
    unique_fd in_;
    unique_fd out_;
    unique_fd err_;
};

}  // namespace vminit::test

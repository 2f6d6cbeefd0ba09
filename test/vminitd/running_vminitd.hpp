// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::test {

/// A vminitd of this build beside the machine's init, on unix sockets in a directory of its own. Ended by the destructor.
class running_vminitd {
public:
    explicit running_vminitd(std::vector<std::string> flags = {});
    ~running_vminitd();
    running_vminitd(const running_vminitd&) = delete;
    running_vminitd& operator=(const running_vminitd&) = delete;

    /// A new connection to its RPC port, without any protocol yet.
    ttrpc::stream_socket connect(io_fixture& loop) const;

    /// Whether it listens on its stream port.
    bool has_stream_port() const;

    /// Allows it `limit` of `resource` from now on.
    void set_limit(__rlimit_resource resource, rlim_t limit) const;
    void lift_limit(__rlimit_resource resource) const;

    /// The number that its next descriptor would get: as RLIMIT_NOFILE it means that there is none left.
    rlim_t next_descriptor() const;
    /// Bytes of its address space.
    rlim_t used_addresses() const;

    bool is_alive() const;

private:
    std::string proc(const std::string& name) const;

    temporary_directory directory_;
    pid_t pid_ = -1;
    int pidfd_ = -1;
};

}  // namespace vminit::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/asio.hpp"

namespace vminit::ttrpc {
class server_service;
}

namespace vminit::api {

/// What this guest can do, as `kind:name` words (docs/health.md): the registered services, what of the kernel and the
/// hypervisor it depends on is there, and what is compiled in.
class capabilities {
public:
    explicit capabilities(asio::io_context& context) : context_(context) {}

    /// Looks at the kernel (a few sysfs files) until cgroup v2 is mounted, which comes after /sys and after the first
    /// calls, and again when services were registered since.
    const std::vector<std::string>& words();

    /// Whether `words` would be what they were.
    bool is_current() const noexcept;

private:
    void look(std::vector<std::string> services);

    asio::io_context& context_;
    const ttrpc::server_service* server_ = nullptr;  // the context's, once it was asked
    std::size_t services_ = 0;
    bool is_whole_ = false;
    std::vector<std::string> words_;
};

}  // namespace vminit::api

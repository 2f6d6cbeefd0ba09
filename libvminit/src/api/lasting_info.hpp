// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "capabilities.hpp"
#include "runtime_facts.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::system {
class system_service;
}

namespace vminit::api {

/// What Info tells that stays the same, serialized once: versions, capabilities, the runtime's facts. To make a message
/// of thirty words for each call takes twice as long as everything else about the call.
class lasting_info {
public:
    explicit lasting_info(asio::io_context& context);

    /// Whether `bytes` is what `look` would find.
    bool is_current() const { return is_final_ && capabilities_.is_current(); }

    /// Finds what there is to tell; waits for the runtime as runtime_inquiry does.
    awaitable<result<void>> look();

    /// Fields of an InfoResponse, as of the last `look`.
    const std::string& bytes() const noexcept { return bytes_; }

private:
    system::system_service& system_;
    capabilities capabilities_;
    runtime_inquiry runtime_;
    std::string bytes_;
    bool is_final_ = false;
};

}  // namespace vminit::api

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "vminit/core/asio.hpp"
#include "vminit/core/log_history.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/kernel_log.hpp"
#include "vminit/system/v1/machine.pb.h"
#include "vminit/ttrpc/writer.hpp"

namespace vminit::api {

/// What one reader of the guest's logs is sent: two logs, put together by time. It holds one line of the kernel's.
class log_feed {
public:
    using output = ttrpc::writer<vminit::system::v1::LogsResponse>;

    /// Errors: invalid_argument for a source or level that there is not; those of opening the kernel's log.
    static result<log_feed> open(asio::io_context& context, const vminit::system::v1::LogsRequest& request);

    /// Sends lines until all that is there is sent or, when asked to follow, until it is cancelled. Errors: of writing
    /// and of reading the kernel's log.
    awaitable<result<void>> send(output& out);

private:
    log_feed(log_history& own, const vminit::system::v1::LogsRequest& request);

    /// Looks at the next lines and adds those that are wanted. False when there are no more now.
    result<bool> fill(vminit::system::v1::LogsResponse& message);
    result<bool> is_kernels_turn();
    bool has_own_line();
    void take_kernel_line(vminit::system::v1::LogsResponse& message);
    void take_own_line(vminit::system::v1::LogsResponse& message);
    awaitable<void> wait();

    log_history& own_;
    std::optional<system::kernel_log> kernel_;
    std::optional<system::kernel_record> record_;  // read, not taken
    std::uint64_t own_number_ = 0;                 // of the next line of ours
    std::uint64_t kernel_lost_ = 0;                // and not told yet
    std::uint64_t own_lost_ = 0;
    std::size_t looked_at_ = 0;
    unsigned level_;
    bool wants_own_;
    bool is_followed_;
};

}  // namespace vminit::api
